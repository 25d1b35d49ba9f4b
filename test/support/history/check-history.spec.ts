import { describe, expect, it } from '@jest/globals';
import {
  type Bounds,
  checkHistory,
  type Happening,
  type HistoryEvent,
  measureHistory,
} from './check-history.js';

const BOUNDS: Bounds = { exclusive: true, ordered: true, idleMs: 1_000 };

/** A history written down by hand: `[ms, process, what]`. */
type Line = readonly [atMs: number, p: string, happening: Happening];

function history(...lines: readonly (Line | readonly Line[])[]): HistoryEvent[] {
  const flat = lines.flatMap((line) => (isLine(line) ? [line] : line));
  return flat
    .map(([atMs, p, happening], seq) => ({ p, seq, atMs, ...happening }))
    .toSorted((a, b) => a.atMs - b.atMs);
}

function isLine(line: Line | readonly Line[]): line is Line {
  return typeof line[0] === 'number';
}

interface Taken {
  /** `a1`: the process is `a`. */
  readonly call: string;
  readonly askMs: number;
  readonly grantMs: number;
  readonly fence: number;
  readonly releaseMs?: number;
  readonly deadlineMs?: number;
  readonly told?: 'released' | 'lost';
}

/** A whole acquisition of "n": called, granted, released. */
function taken({ call, askMs, grantMs, fence, releaseMs, deadlineMs = grantMs + 500, told }: Taken): Line[] {
  const p = call[0]!;
  const lines: Line[] = [
    [askMs, p, { f: 'acquire', type: 'invoke', call, name: 'n', boundMs: 10_000, inLine: true }],
    [grantMs, p, { f: 'acquire', type: 'ok', call, name: 'n', fence, deadlineMs }],
  ];
  if (releaseMs === undefined) return lines;
  lines.push([releaseMs, p, { f: 'release', type: 'invoke', call }]);
  lines.push([releaseMs + 1, p, { f: 'release', type: 'ok', call, result: told ?? 'released' }]);
  return lines;
}

function lost(call: string, atMs: number, deadlineMs: number): Line {
  return [atMs, call[0]!, { f: 'lost', call, cause: 'expired', deadlineMs }];
}

function renewal(
  call: string,
  atMs: number,
  result: 'lost' | 'unknown' | { fence: number; deadlineMs: number },
) {
  const p = call[0]!;
  const answer: Happening =
    typeof result === 'string'
      ? { f: 'renew', type: result, call }
      : { f: 'renew', type: 'ok', call, ...result };
  return [
    [atMs, p, { f: 'renew', type: 'invoke', call }],
    [atMs + 2, p, answer],
  ] satisfies Line[];
}

function write(
  call: string,
  times: { checkedMs: number; sentMs?: number },
  answer: { fence: number; version?: number },
) {
  const p = call[0]!;
  const { checkedMs, sentMs = checkedMs } = times;
  const { fence, version } = answer;
  const end: Happening =
    version === undefined
      ? { f: 'write', type: 'refused', call, name: 'n' }
      : { f: 'write', type: 'accepted', call, name: 'n', fence, version };
  return [
    [sentMs, p, { f: 'write', type: 'invoke', call, name: 'n', fence, checkedAtMs: checkedMs }],
    [sentMs + 1, p, end],
  ] satisfies Line[];
}

function life(of: string, type: 'pause' | 'resume' | 'crash', atMs: number): Line {
  return [atMs, 'observer', { f: 'process', type, of }];
}

function place(name: string, times: { askMs: number; queuedMs?: number; grantMs?: number }): Line[] {
  const p = name[0]!;
  const { askMs, queuedMs, grantMs } = times;
  const lines: Line[] = [[askMs, p, { f: 'place', type: 'ask', place: name, name: 'n' }]];
  if (queuedMs !== undefined)
    lines.push([queuedMs, p, { f: 'place', type: 'queued', place: name, name: 'n' }]);
  if (grantMs !== undefined)
    lines.push([grantMs, p, { f: 'place', type: 'granted', place: name, name: 'n' }]);
  return lines;
}

function rulesBroken(events: readonly HistoryEvent[], bounds: Partial<Bounds> = {}): string[] {
  return [...new Set(checkHistory(events, { ...BOUNDS, ...bounds }).map(({ rule }) => rule))];
}

const first = { call: 'a1', askMs: 0, grantMs: 1, fence: 10 };
const second = { call: 'b1', askMs: 2, grantMs: 101, fence: 11, releaseMs: 150 };

describe('M1: no two leases that both believe', () => {
  it('is kept when the next is granted right after the release was sent', () => {
    expect(rulesBroken(history(taken({ ...first, releaseMs: 100 }), taken(second)))).toEqual([]);
  });

  it('is broken by a grant before the release was sent', () => {
    expect(rulesBroken(history(taken({ ...first, releaseMs: 102, told: 'lost' }), taken(second)))).toEqual([
      'M1',
    ]);
  });

  it('is kept when the next is granted at the deadline of the one before', () => {
    expect(rulesBroken(history(taken({ ...first, deadlineMs: 101 }), taken(second)))).toEqual([]);
  });

  it('is broken by a grant before the deadline of one that was renewed', () => {
    const renewed = renewal('a1', 50, { fence: 10, deadlineMs: 200 });
    expect(rulesBroken(history(taken({ ...first, deadlineMs: 101 }), renewed, taken(second)))).toEqual([
      'M1',
    ]);
  });

  it('does not believe a renewal that was answered after the deadline', () => {
    const late = renewal('a1', 99, { fence: 10, deadlineMs: 200 });
    expect(rulesBroken(history(taken({ ...first, deadlineMs: 100 }), late, taken(second)))).toEqual([]);
  });

  it('is kept when the holder was killed, or told its loss, before', () => {
    expect(rulesBroken(history(taken(first), life('a', 'crash', 100), taken(second)))).toEqual([]);
    expect(rulesBroken(history(taken(first), lost('a1', 100, 501), taken(second)))).toEqual([]);
  });

  it('is not judged outside the bounds, but counted', () => {
    const events = history(taken({ ...first, releaseMs: 102, told: 'lost' }), taken(second));
    expect(rulesBroken(events, { exclusive: false })).toEqual([]);
    expect(measureHistory(events, { ...BOUNDS, exclusive: false }).overlaps).toBe(1);
  });

  it('is not promised to one who is ended by force', () => {
    const force: Line[] = [
      [100, 'c', { f: 'force', type: 'invoke', name: 'n' }],
      [103, 'c', { f: 'force', type: 'ok', name: 'n' }],
    ];
    const told: Line = lost('a1', 104, 501);
    expect(rulesBroken(history(taken(first), force, told, taken(second)))).toEqual([]);
    const early = force.map(([, p, what]) => [90, p, what] as const);
    expect(
      rulesBroken(history(taken({ ...first, askMs: 94, grantMs: 95 }), early, told, taken(second))),
    ).toEqual(['M1']);
  });
});

describe('M2: the fencing token rises', () => {
  it('is broken by a smaller token for one who asked later', () => {
    const later = { ...second, askMs: 100, fence: 9 };
    expect(rulesBroken(history(taken({ ...first, releaseMs: 90 }), taken(later)))).toEqual(['M2']);
  });

  it('is kept when the two asked at the same time', () => {
    const sameTime = { ...second, askMs: 0, fence: 9 };
    expect(rulesBroken(history(taken({ ...first, releaseMs: 90 }), taken(sameTime)))).toEqual([]);
  });

  it('is broken by a token given out twice', () => {
    const twice = { ...second, askMs: 0, fence: 10 };
    expect(rulesBroken(history(taken({ ...first, releaseMs: 90 }), taken(twice)))).toEqual(['M2']);
  });

  it("does not demand a larger one while the server's clock was set back, but still different ones", () => {
    const later = (fence: number) => ({ ...second, askMs: 100, fence });
    const events = (fence: number) => history(taken({ ...first, releaseMs: 90 }), taken(later(fence)));
    expect(rulesBroken(events(9), { rising: false })).toEqual([]);
    expect(rulesBroken(events(10), { rising: false })).toEqual(['M2']);
  });

  it('remembers earlier histories', () => {
    const events = history(taken({ ...first, releaseMs: 90 }));
    expect(rulesBroken(events, { fencesBefore: new Map([['n', 9]]) })).toEqual([]);
    expect(rulesBroken(events, { fencesBefore: new Map([['n', 10]]) })).toEqual(['M2']);
  });
});

describe('M3: the resource refuses what is stale', () => {
  const both = [taken({ ...first, releaseMs: 100 }), taken(second)];
  const stale = { checkedMs: 50, sentMs: 120 };

  it('is broken by a smaller token that was accepted after a larger one', () => {
    const fresh = write('b1', { checkedMs: 110 }, { fence: 11, version: 1 });
    const late = write('a1', stale, { fence: 10, version: 2 });
    expect(rulesBroken(history(...both, fresh, late))).toEqual(['M3']);
  });

  it('is kept when the stale write was refused, or was in time', () => {
    const fresh = write('b1', { checkedMs: 110 }, { fence: 11, version: 2 });
    expect(rulesBroken(history(...both, fresh, write('a1', stale, { fence: 10 })))).toEqual([]);
    expect(
      rulesBroken(history(...both, fresh, write('a1', { checkedMs: 50 }, { fence: 10, version: 1 }))),
    ).toEqual([]);
  });

  it('is broken when the resource does not hold what it accepted last', () => {
    const fresh = write('b1', { checkedMs: 110 }, { fence: 11, version: 1 });
    const holds = (fence: number): Line => [999, 'observer', { f: 'resource', name: 'n', fence, version: 1 }];
    expect(rulesBroken(history(...both, fresh, holds(10)))).toEqual(['M3']);
    expect(rulesBroken(history(...both, fresh, holds(11)))).toEqual([]);
  });

  it('allows for a write whose answer was never heard', () => {
    const fresh = write('b1', { checkedMs: 110 }, { fence: 11, version: 1 }).slice(0, 1);
    const holds: Line = [999, 'observer', { f: 'resource', name: 'n', fence: 11, version: 1 }];
    expect(rulesBroken(history(...both, fresh, holds))).toEqual([]);
  });
});

describe('M4: the end of a lease is told in time', () => {
  const held = taken({ ...first, deadlineMs: 100 });
  const answer = { fence: 10, version: 1 };

  it('is broken by a lease that says "held" after its deadline', () => {
    expect(rulesBroken(history(held, write('a1', { checkedMs: 101 }, answer)))).toEqual(['M4']);
    expect(rulesBroken(history(held, write('a1', { checkedMs: 99 }, answer)))).toEqual([]);
  });

  it('is broken by a lease that says "held" after its loss or its release', () => {
    expect(rulesBroken(history(held, lost('a1', 50, 100), write('a1', { checkedMs: 51 }, answer)))).toEqual([
      'M4',
    ]);
    const released = taken({ ...first, releaseMs: 50 });
    expect(rulesBroken(history(released, write('a1', { checkedMs: 51 }, answer)))).toEqual(['M4']);
  });

  it('is broken by a write long after the check, unless the process stood still', () => {
    const late = write('a1', { checkedMs: 99, sentMs: 900 }, answer);
    expect(rulesBroken(history(held, late))).toEqual(['M4']);
    const frozen = [life('a', 'pause', 99.5), life('a', 'resume', 899)];
    expect(rulesBroken(history(held, ...frozen, late))).toEqual([]);
  });

  it('is broken by a loss that is told late, unless the process stood still', () => {
    expect(rulesBroken(history(held, lost('a1', 340, 100)))).toEqual([]);
    expect(rulesBroken(history(held, lost('a1', 360, 100)))).toEqual(['M4']);
    const frozen = [life('a', 'pause', 90), life('a', 'resume', 350)];
    expect(rulesBroken(history(held, ...frozen, lost('a1', 360, 100)))).toEqual([]);
  });
});

describe('M5: only the owner is told success', () => {
  it('is broken by a renewal that is sent after the release or the loss', () => {
    const late = renewal('a1', 60, 'lost');
    expect(rulesBroken(history(taken({ ...first, releaseMs: 50 }), late))).toEqual(['M5']);
    expect(rulesBroken(history(taken(first), lost('a1', 50, 501), late))).toEqual(['M5']);
  });

  it('is kept by a renewal that was under way at the release', () => {
    expect(rulesBroken(history(taken({ ...first, releaseMs: 50 }), renewal('a1', 49, 'lost')))).toEqual([]);
  });

  it('is broken by "released" after a loss, and kept by "lost"', () => {
    const gone = [taken({ ...first, releaseMs: 60, told: 'released' }), lost('a1', 50, 501)];
    expect(rulesBroken(history(...gone))).toEqual(['M5']);
    const said = [taken({ ...first, releaseMs: 60, told: 'lost' }), lost('a1', 50, 501)];
    expect(rulesBroken(history(...said))).toEqual([]);
  });

  it('is broken by two releases with two answers', () => {
    const again = (result: 'released' | 'lost'): Line[] => [
      [70, 'a', { f: 'release', type: 'invoke', call: 'a1' }],
      [71, 'a', { f: 'release', type: 'ok', call: 'a1', result }],
    ];
    expect(rulesBroken(history(taken({ ...first, releaseMs: 60 }), again('lost')))).toEqual(['M5']);
    expect(rulesBroken(history(taken({ ...first, releaseMs: 60 }), again('released')))).toEqual([]);
  });

  it('is broken by success for one whose successor was granted before it asked', () => {
    const sooner = { ...second, grantMs: 101, releaseMs: 300 };
    const bounds = { exclusive: false };
    const renewed = renewal('a1', 102, { fence: 10, deadlineMs: 501 });
    expect(rulesBroken(history(taken(first), taken(sooner), renewed), bounds)).toEqual(['M5']);
    const inTime = renewal('a1', 100, { fence: 10, deadlineMs: 501 });
    expect(rulesBroken(history(taken(first), taken(sooner), inTime), bounds)).toEqual([]);
    expect(rulesBroken(history(taken({ ...first, releaseMs: 102 }), taken(sooner)), bounds)).toEqual(['M5']);
    expect(rulesBroken(history(taken({ ...first, releaseMs: 100 }), taken(sooner)), bounds)).toEqual([]);
  });
});

describe('L1: no name that is waited for stays idle', () => {
  it('is not broken while a call for several names holds it and waits for the others, nor is that idle for ever', () => {
    const waits: Line = [
      600,
      'b',
      { f: 'acquire', type: 'invoke', call: 'b1', name: 'n', boundMs: null, inLine: true },
    ];
    const part = (atMs: number, type: 'held' | 'left'): Line => [
      atMs,
      'a',
      { f: 'part', type, part: 'a9', name: 'n' },
    ];
    const rest: Line = [5_000, 'a', { f: 'process', type: 'resume', of: 'a' }];
    const healed: Line = [0, 'observer', { f: 'healed' }];
    expect(rulesBroken(history(healed, waits, rest))).toEqual(['L1']);
    expect(rulesBroken(history(healed, part(500, 'held'), waits, rest))).toEqual([]);
    expect(rulesBroken(history(healed, part(500, 'held'), waits, part(1_000, 'left'), rest))).toEqual(['L1']);
    const killed: Line = [1_000, 'observer', { f: 'process', type: 'crash', of: 'a' }];
    expect(rulesBroken(history(healed, part(500, 'held'), waits, killed, rest))).toEqual(['L1']);
  });

  const released = taken({ ...first, releaseMs: 100 });
  const healed: Line = [5_000, 'observer', { f: 'healed' }];

  it('is broken by a waiter that nobody serves', () => {
    expect(rulesBroken(history(released, taken({ ...second, grantMs: 1_099, releaseMs: 1_200 })))).toEqual(
      [],
    );
    expect(rulesBroken(history(released, taken({ ...second, grantMs: 1_101, releaseMs: 1_200 })))).toEqual([
      'L1',
    ]);
  });

  it('is kept as long as somebody holds', () => {
    const long = taken({ ...first, releaseMs: 3_000, deadlineMs: 3_500 });
    expect(rulesBroken(history(long, taken({ ...second, grantMs: 3_001, releaseMs: 3_100 })))).toEqual([]);
  });

  it('counts only from the moment when the last fault is over', () => {
    expect(
      rulesBroken(history(released, healed, taken({ ...second, grantMs: 5_900, releaseMs: 5_950 }))),
    ).toEqual([]);
    expect(
      rulesBroken(history(released, healed, taken({ ...second, grantMs: 6_100, releaseMs: 6_150 }))),
    ).toEqual(['L1']);
  });

  it('does not count the time in which some process stood still, whose turn it may have been', () => {
    const late = taken({ ...second, grantMs: 1_400, releaseMs: 1_500 });
    const frozen = (ms: number) => [life('c', 'pause', 300), life('c', 'resume', 300 + ms)];
    expect(rulesBroken(history(released, ...frozen(300), late))).toEqual([]);
    expect(rulesBroken(history(released, ...frozen(299), late))).toEqual(['L1']);
    expect(rulesBroken(history(released, life('c', 'pause', 300), life('c', 'crash', 599), late))).toEqual([
      'L1',
    ]);
  });

  it('is broken by a waiter that is still not served when the history ends', () => {
    const waits: Line = [
      2,
      'b',
      { f: 'acquire', type: 'invoke', call: 'b1', name: 'n', boundMs: null, inLine: true },
    ];
    const end: Line = [1_200, 'observer', { f: 'keys', left: [] }];
    expect(rulesBroken(history(released, waits, end))).toEqual(['L1']);
    expect(rulesBroken(history(released, waits, life('b', 'crash', 500), end))).toEqual([]);
  });
});

describe('L2: nothing is left in the store', () => {
  it('is broken by a key that is left', () => {
    expect(rulesBroken(history([9, 'observer', { f: 'keys', left: ['lock:{n}:q'] }]))).toEqual(['L2']);
    expect(rulesBroken(history([9, 'observer', { f: 'keys', left: [] }]))).toEqual([]);
  });
});

describe('F1: the order of the line and of the queue', () => {
  it('is broken by a later caller of the same process who is served first', () => {
    const one = { ...first, askMs: 0, grantMs: 20, fence: 11, releaseMs: 30 };
    const other = { call: 'a2', askMs: 1, grantMs: 5, fence: 10, releaseMs: 10 };
    expect(rulesBroken(history(taken(one), taken(other)))).toEqual(['F1']);
    expect(rulesBroken(history(taken(one), taken(other)), { ordered: false })).toEqual([]);
    expect(rulesBroken(history(taken({ ...one, call: 'b1' }), taken(other)))).toEqual([]);
  });

  it('is broken by a process that queued later and is served first', () => {
    const waiting = place('a1', { askMs: 0, queuedMs: 2, grantMs: 90 });
    expect(rulesBroken(history(waiting, place('b1', { askMs: 3, queuedMs: 4, grantMs: 50 })))).toEqual([
      'F1',
    ]);
    expect(rulesBroken(history(waiting, place('b1', { askMs: 1, queuedMs: 4, grantMs: 50 })))).toEqual([]);
  });

  it('is broken by one that was never queued and is served while others are', () => {
    const waiting = place('a1', { askMs: 0, queuedMs: 2, grantMs: 90 });
    expect(rulesBroken(history(waiting, place('b1', { askMs: 3, grantMs: 4 })))).toEqual(['F1']);
  });

  it('does not count a place that was given up', () => {
    const gone = place('a1', { askMs: 0, queuedMs: 2 });
    expect(rulesBroken(history(gone, place('b1', { askMs: 3, queuedMs: 4, grantMs: 50 })))).toEqual([]);
  });
});

describe('R1: a process ends clean', () => {
  it('is broken by what it leaves behind', () => {
    const end = (leftovers: string[]): Line => [9, 'a', { f: 'process', type: 'end', of: 'a', leftovers }];
    expect(rulesBroken(history(end(['Timeout'])))).toEqual(['R1']);
    expect(rulesBroken(history(end([])))).toEqual([]);
  });
});

describe('E1: every acquire settles in time', () => {
  const asked: Line = [
    0,
    'a',
    { f: 'acquire', type: 'invoke', call: 'a1', name: 'n', boundMs: 500, inLine: false },
  ];
  const failed = (atMs: number): Line => [
    atMs,
    'a',
    { f: 'acquire', type: 'fail', call: 'a1', name: 'n', code: 'X' },
  ];

  it('is broken by one that settles 251 ms too late', () => {
    expect(rulesBroken(history(asked, failed(750)))).toEqual([]);
    expect(rulesBroken(history(asked, failed(751)))).toEqual(['E1']);
  });

  it('is broken by one that never settles, unless its process was killed', () => {
    const end: Line = [2_000, 'observer', { f: 'keys', left: [] }];
    expect(rulesBroken(history(asked, end))).toEqual(['E1']);
    expect(rulesBroken(history(asked, life('a', 'crash', 100), end))).toEqual([]);
  });

  it('does not count the time in which its process stood still', () => {
    const frozen = [life('a', 'pause', 100), life('a', 'resume', 1_100)];
    expect(rulesBroken(history(asked, ...frozen, failed(1_750)))).toEqual([]);
    expect(rulesBroken(history(asked, ...frozen, failed(1_751)))).toEqual(['E1']);
    const seenTwice = frozen.map(([atMs, , what]): Line => [atMs + 1, 'a', what]);
    expect(rulesBroken(history(asked, ...frozen, ...seenTwice, failed(1_751)))).toEqual([]);
    expect(rulesBroken(history(asked, ...frozen, ...seenTwice, failed(1_752)))).toEqual(['E1']);
  });
});

describe('a table of runs', () => {
  it('shows the worst wait, the worst idle time and the refused writes', () => {
    const measures = measureHistory(
      history(
        taken({ ...first, releaseMs: 100 }),
        taken({ ...second, grantMs: 130 }),
        write('a1', { checkedMs: 99, sentMs: 140 }, { fence: 10 }),
      ),
      BOUNDS,
    );
    expect(measures).toMatchObject({
      acquisitions: 2,
      worstWaitMs: 128,
      worstIdleMs: 30,
      overlaps: 0,
      refusedWrites: 1,
    });
    expect(measures.fences).toEqual(new Map([['n', 11]]));
  });
});
