import { describe, expect, it } from '@jest/globals';
import { checkHistory, type Happening, type HeldKind, type HistoryEvent } from './check-history.js';

type Line = readonly [atMs: number, p: string, happening: Happening];

interface Held {
  readonly kind: HeldKind;
  /** [asked, granted, given back] */
  readonly ms: readonly [number, number, number];
  readonly fence: number;
  readonly weight?: number;
}

/** `a1`: the process is `a`. */
function held(call: string, { kind, ms: [askedMs, grantedMs, endMs], fence, weight }: Held): Line[] {
  const [p = ''] = call;
  const permit = kind === 'limited' ? { weight: weight ?? 1, limit: 3 } : {};
  const start = { f: 'acquire', call, name: 'n' } as const;
  return [
    [askedMs, p, { ...start, type: 'invoke', boundMs: 10_000, inLine: true, kind, ...permit }],
    [grantedMs, p, { ...start, type: 'ok', fence, deadlineMs: grantedMs + 1_000 }],
    [endMs, p, { f: 'release', type: 'invoke', call }],
    [endMs + 1, p, { f: 'release', type: 'ok', call, result: 'released' }],
  ];
}

const changes = (
  call: string,
  kind: HeldKind,
  told: { askedMs: number; atMs: number; fence: number },
): Line => [told.atMs, call[0]!, { f: 'mode', call, kind, fence: told.fence, askedAtMs: told.askedMs }];

const limitSet = (limit: number | null, atMs: number): Line[] => [
  [atMs, 'o', { f: 'limit', type: 'invoke', name: 'n', limit }],
  [atMs + 1, 'o', { f: 'limit', type: 'ok', name: 'n', limit }],
];

function placed(
  place: string,
  kind: HeldKind,
  [askMs, queuedMs, grantMs]: readonly [number, number, number],
): Line[] {
  const about = { f: 'place', place, name: 'n', kind } as const;
  return [
    [askMs, 'a', { ...about, type: 'ask' }],
    [queuedMs, 'a', { ...about, type: 'queued' }],
    [grantMs, 'a', { ...about, type: 'granted' }],
  ];
}

function broken(...lines: readonly (Line | readonly Line[])[]): string[] {
  const flat = lines.flatMap((line) => (typeof line[0] === 'number' ? [line as Line] : (line as Line[])));
  const events: HistoryEvent[] = flat
    .map(([atMs, p, happening], seq) => ({ p, seq, atMs, ...happening }))
    .toSorted((a, b) => a.atMs - b.atMs);
  const found = checkHistory(events, { exclusive: true, ordered: true, idleMs: 60_000 });
  return [...new Set(found.map(({ rule }) => rule))];
}

const first = [0, 1, 100] as const;
const beside = [2, 50, 150] as const;
const after = [2, 101, 150] as const;

describe('M1 of every kind of lock', () => {
  const BESIDE = [
    ['shared', 'shared', true],
    ['shared', 'upgradeable', true],
    ['upgradeable', 'upgradeable', false],
    ['shared', 'exclusive', false],
    ['upgradeable', 'exclusive', false],
    ['limited', 'exclusive', false],
    ['limited', 'shared', false],
    ['intention-exclusive', 'intention-shared', true],
    ['intention-exclusive', 'shared', false],
    ['intention-shared', 'exclusive', false],
  ] as const;

  it.each(BESIDE)('%s beside %s: %s', (one, other, isRight) => {
    const lines = [
      held('a1', { kind: one, ms: first, fence: 10 }),
      held('b1', { kind: other, ms: beside, fence: 11 }),
    ];
    expect(broken(...lines).includes('M1')).toBe(!isRight);
  });

  it('is broken by permits above the limit, and not by as many as it has', () => {
    const one = held('a1', { kind: 'limited', ms: first, fence: 10 });
    expect(broken(one, held('b1', { kind: 'limited', ms: beside, fence: 11, weight: 2 }))).toEqual([]);
    expect(broken(one, held('b1', { kind: 'limited', ms: beside, fence: 11, weight: 3 }))).toEqual(['M1']);
  });

  it('goes by the limit that an operator has set, and for a while by either', () => {
    const lines = [
      held('a1', { kind: 'limited', ms: [0, 1, 9_000], fence: 10 }),
      held('b1', { kind: 'limited', ms: [5_000, 5_001, 9_000], fence: 11, weight: 3 }),
    ];
    expect(broken(...lines, limitSet(4, 2))).toEqual([]);
    expect(broken(...lines, limitSet(4, 2), limitSet(2, 1_000))).toEqual(['M1']);
    expect(broken(...lines, limitSet(4, 2), limitSet(2, 4_999))).toEqual([]);
  });

  it('is broken by a reader beside an upgrade that was granted, and kept beside a downgrade', () => {
    const reader = held('b1', { kind: 'shared', ms: beside, fence: 11 });
    const up = held('a1', { kind: 'upgradeable', ms: first, fence: 10 });
    expect(broken(up, changes('a1', 'exclusive', { askedMs: 20, atMs: 60, fence: 12 }), reader)).toContain(
      'M1',
    );
    const writer = held('a1', { kind: 'exclusive', ms: first, fence: 10 });
    expect(broken(writer, changes('a1', 'shared', { askedMs: 20, atMs: 20, fence: 10 }), reader)).toEqual([]);
  });
});

describe('M2 of every kind of lock', () => {
  it('is broken by a writer whose token is not above that of a reader before', () => {
    const reader = held('a1', { kind: 'shared', ms: [0, 1, 40], fence: 10 });
    expect(broken(reader, held('b1', { kind: 'exclusive', ms: after, fence: 9 }))).toContain('M2');
  });

  it('is kept by a reader whose token is below that of another reader, and broken by one below a writer', () => {
    const reader = held('b1', { kind: 'shared', ms: after, fence: 9 });
    expect(broken(held('a1', { kind: 'shared', ms: [0, 1, 40], fence: 10 }), reader)).toEqual([]);
    expect(broken(held('a1', { kind: 'exclusive', ms: [0, 1, 40], fence: 10 }), reader)).toContain('M2');
  });

  it('is broken by an upgrade that has no token above those before it', () => {
    const up = held('a1', { kind: 'upgradeable', ms: first, fence: 9 });
    const reader = held('b1', { kind: 'shared', ms: [0, 1, 10], fence: 10 });
    expect(broken(up, reader, changes('a1', 'exclusive', { askedMs: 20, atMs: 21, fence: 9 }))).toContain(
      'M2',
    );
    expect(broken(up, reader, changes('a1', 'exclusive', { askedMs: 20, atMs: 21, fence: 11 }))).toEqual([]);
  });

  it('lets readers of one process share a token, and nobody else', () => {
    const reader = held('a1', { kind: 'shared', ms: first, fence: 10 });
    expect(broken(reader, held('a2', { kind: 'shared', ms: beside, fence: 10 }))).toEqual([]);
    expect(broken(reader, held('b1', { kind: 'shared', ms: beside, fence: 10 }))).toEqual(['M2']);
  });
});

describe('L1 of every kind of lock', () => {
  const waits = (call: string, kind: HeldKind): Line => [
    10,
    call[0]!,
    { f: 'acquire', type: 'invoke', call, name: 'n', boundMs: 200_000, inLine: true, kind },
  ];
  const reader = held('a1', { kind: 'shared', ms: [0, 1, 70_000], fence: 10 });
  const upgrade = (type: 'invoke' | 'end', atMs: number): Line => [
    atMs,
    'a',
    { f: 'upgrade', type, call: 'a1' },
  ];

  it('a reader who waits beside readers waits for nobody', () => {
    expect(broken(reader, waits('b1', 'shared'))).toContain('L1');
  });

  it('a reader who waits with a writer, or while an upgrade waits, has a reason', () => {
    const deadline: Line = [65_000, 'a', { f: 'release', type: 'invoke', call: 'a1' }];
    const long: Line[] = [
      ...reader.slice(0, 1),
      [1, 'a', { f: 'acquire', type: 'ok', call: 'a1', name: 'n', fence: 10, deadlineMs: 69_000 }],
      deadline,
    ];
    expect(broken(long, waits('b1', 'shared'))).toEqual(['L1']);
    expect(broken(long, waits('b1', 'shared'), waits('c1', 'exclusive'))).toEqual([]);
    expect(broken(long, upgrade('invoke', 12), upgrade('end', 64_000), waits('b1', 'shared'))).toEqual([]);
  });
});

describe('M5 and F1 of every kind of lock', () => {
  it('who is told «released» after a writer was granted is none', () => {
    const reader = held('a1', { kind: 'shared', ms: [0, 1, 200], fence: 10 });
    expect(broken(reader, held('b1', { kind: 'exclusive', ms: [2, 101, 150], fence: 11 }))).toContain('M5');
    expect(broken(reader, held('b1', { kind: 'shared', ms: [2, 101, 150], fence: 11 }))).toEqual([]);
  });

  it('nobody passes whom it excludes; readers that are let in together may be told in any order', () => {
    const reader = placed('p1', 'shared', [0, 1, 50]);
    expect(broken(reader, placed('p2', 'shared', [2, 3, 40]))).toEqual([]);
    expect(broken(reader, placed('p2', 'exclusive', [2, 3, 40]))).toEqual(['F1']);
    expect(broken(placed('p1', 'exclusive', [0, 1, 50]), placed('p2', 'shared', [2, 3, 40]))).toEqual(['F1']);
  });
});
