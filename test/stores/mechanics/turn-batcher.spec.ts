import { describe, expect, it } from '@jest/globals';
import { LockStoreError } from '../../../lib/index.js';
import { Bounds } from '../../../lib/stores/mechanics/bounds.js';
import type { Connection } from '../../../lib/stores/mechanics/connection.js';
import type { CallFailure } from '../../../lib/stores/mechanics/tries.js';
import type { AnswerInfo, BatchRequest, Carrier, OnReply } from '../../../lib/stores/mechanics/carrier.js';
import { TurnBatcher } from '../../../lib/stores/mechanics/turn-batcher.js';
import { ManualClock } from '../../../lib/testing/index.js';

const MOST = 4;
const COMMAND_MS = 1_000;

type Kind = 'free' | 'take';

class Request implements BatchRequest<Kind, string> {
  readonly hold: { readonly name: string };
  heard: string | CallFailure | undefined;
  how: AnswerInfo | undefined;
  isWanted = true;
  sent: (() => void) | undefined;

  constructor(
    readonly kind: Kind,
    name: string,
  ) {
    this.hold = { name };
  }

  wanted(): boolean {
    return this.isWanted;
  }

  answered(answer: string, how: AnswerInfo): void {
    this.heard = answer;
    this.how = how;
  }

  failed(failure: CallFailure): void {
    this.heard = failure;
  }
}

/** What a batcher sends lies here until the test answers it. */
class Desk implements Carrier<Kind, string, Request>, Connection {
  readonly link = this;
  readonly kinds = ['free', 'take'] as const;
  readonly most = MOST;
  readonly clock = new ManualClock();
  readonly bounds = new Bounds(this.clock);
  readonly batcher = new TurnBatcher<Kind, string, Request>(this, this.clock, COMMAND_MS);
  readonly commands: { names: string; boundMs: number; onReply: OnReply<string> }[] = [];
  isReady = true;
  connect!: () => void;
  isCorked = false;
  /** What went to the system at a time. */
  readonly writes: string[][] = [];
  /** The longest that it was asked to wait for a connection. */
  patienceMs: number | undefined;

  send(
    kind: Kind,
    { requests, boundMs }: { requests: readonly Request[]; boundMs: number },
    onReply: OnReply<string>,
  ): void {
    this.commands.push({
      names: `${kind} ${requests.map(({ hold }) => hold.name).join('')}`,
      boundMs,
      onReply,
    });
  }

  ask(kind: Kind, names: string): Request[] {
    const requests = Array.from(names).map((name) => new Request(kind, name));
    for (const request of requests) this.batcher.send(request);
    return requests;
  }

  get sent(): string[] {
    return this.commands.map(({ names }) => names);
  }

  reachable(boundMs: number): Promise<void> {
    this.patienceMs = Math.max(this.patienceMs ?? 0, boundMs);
    return new Promise((resolve) => (this.connect = resolve));
  }

  mayRepeat(endsAtMs: number, delayMs: number): boolean {
    return this.bounds.nowMs() + delayMs < endsAtMs;
  }

  isRefusal(error: unknown): boolean {
    return (error as Error).message.startsWith('refused');
  }

  isPassing(error: unknown): boolean {
    return (error as Error).message === 'refused for now';
  }

  storeError(error: unknown): LockStoreError {
    return new LockStoreError('LOCK_STORE_UNAVAILABLE', (error as Error).message);
  }

  keepsOrder(): boolean {
    return this.isReady;
  }

  refusalIn(answer: string): Error | undefined {
    return answer.startsWith('refused') ? new Error(answer) : undefined;
  }

  cork(): void {
    if (this.isCorked) throw new Error('corked twice');
    this.isCorked = true;
  }

  uncork(): void {
    this.isCorked = false;
    const written = this.writes.flat().length;
    this.writes.push(this.sent.slice(written));
  }
}

const microtasks = () => new Promise<void>((resolve) => process.nextTick(resolve));

describe('what is asked for in one turn', () => {
  it('goes at once when nothing else is on its way, together with what is asked in the same breath', async () => {
    const desk = new Desk();
    desk.ask('take', 'ab');
    expect(desk.sent).toEqual([]);
    await microtasks();
    expect(desk.sent).toEqual(['take ab']);
  });

  it('goes at the end of the turn when something is on its way', async () => {
    const desk = new Desk();
    desk.ask('take', 'a');
    await microtasks();
    desk.ask('take', 'b');
    await microtasks();
    desk.ask('take', 'c');
    await microtasks();
    expect(desk.sent).toEqual(['take a']);
    await desk.clock.advanceAsync(0);
    expect(desk.sent).toEqual(['take a', 'take bc']);
  });

  it('goes at once also behind one whose caller goes on without its answer', async () => {
    const desk = new Desk();
    const release = new Request('free', 'a');
    let isSent = false;
    release.sent = () => (isSent = true);
    desk.batcher.send(release);
    await microtasks();
    expect([desk.sent, isSent]).toEqual([['free a'], true]);
    desk.ask('take', 'b');
    await microtasks();
    expect(desk.sent).toEqual(['free a', 'take b']);
    desk.commands[0]!.onReply(undefined, ['A']);
    desk.ask('take', 'c'); // now one is awaited: b
    await microtasks();
    expect(desk.sent).toHaveLength(2);
  });

  it('goes as soon as a command is full, what becomes free before who wants it', () => {
    const desk = new Desk();
    desk.ask('take', 'a');
    desk.ask('free', 'x');
    desk.ask('take', 'bc');
    expect(desk.sent).toEqual([]);
    desk.ask('take', 'd');
    expect(desk.sent).toEqual(['free x', 'take abcd']);
  });

  it('is written as soon as a command is full, so that the server works while the next is made', async () => {
    const desk = new Desk();
    desk.ask('take', 'abcd');
    expect(desk.writes).toEqual([['take abcd']]);
    desk.ask('free', 'wxyz');
    desk.ask('take', 'e');
    expect(desk.writes).toEqual([['take abcd'], ['free wxyz']]);
    await microtasks();
    expect(desk.writes.at(-1)).toEqual(['take e']);
  });

  it('and is full lets nobody go on before it is written', async () => {
    const desk = new Desk();
    const told: string[] = [];
    for (const name of 'abcd') {
      const release = new Request('free', name);
      release.sent = () => told.push(`${name} ${desk.writes.length}`);
      desk.batcher.send(release);
    }
    expect(told).toEqual(['a 1', 'b 1', 'c 1', 'd 1']);
  });

  it('lets nobody go on when the connection breaks as it is written', async () => {
    const desk = new Desk();
    let isSent = false;
    const release = new Request('free', 'a');
    release.sent = () => (isSent = true);
    const uncork = desk.uncork.bind(desk);
    desk.uncork = () => {
      uncork();
      desk.isReady = false;
    };
    desk.batcher.send(release);
    await microtasks();
    expect([desk.sent, isSent]).toEqual([['free a'], false]);
  });

  it('is never more in one command than it holds, and nothing is sent twice', async () => {
    const desk = new Desk();
    desk.ask('take', 'abcdefghij');
    await microtasks();
    expect(desk.sent).toEqual(['take abcd', 'take efgh', 'take ij']);
  });

  it('waits together for a connection', async () => {
    const desk = new Desk();
    desk.isReady = false;
    desk.ask('take', 'ab');
    await microtasks();
    expect(desk.sent).toEqual([]);
    desk.isReady = true;
    desk.connect();
    await microtasks();
    expect(desk.sent).toEqual(['take ab']);
  });
});

describe('each request of a command', () => {
  it('gets its own answer, and when it was sent', async () => {
    const desk = new Desk();
    const asked = desk.ask('take', 'ab');
    await microtasks();
    const sentAtMs = desk.clock.monotonicMs();
    desk.clock.advance(5);
    desk.commands[0]!.onReply(undefined, ['A', 'B']);
    expect(asked.map(({ heard }) => heard)).toEqual(['A', 'B']);
    expect(asked[0]!.how).toEqual({ sentAtMs, repeated: false });
    expect(desk.batcher.isBusy).toBe(false);
  });

  it('is sent again after a lost reply, apart from what is new, and says so', async () => {
    const desk = new Desk();
    const [first] = desk.ask('take', 'a');
    await microtasks();
    desk.commands[0]!.onReply(new Error('no reply'), []);
    await desk.clock.advanceAsync(19);
    desk.ask('take', 'b');
    await desk.clock.advanceAsync(1);
    expect(desk.sent).toEqual(['take a', 'take b', 'take a']);
    expect(desk.commands[2]!.boundMs).toBeLessThan(desk.commands[1]!.boundMs);
    desk.commands[2]!.onReply(undefined, ['A']);
    expect(first!.how!.repeated).toBe(true);
  });

  it('that is sent again while nothing can be sent is not waited for without end', async () => {
    const desk = new Desk();
    desk.ask('take', 'a');
    await microtasks();
    desk.isReady = false;
    desk.commands[0]!.onReply(new Error('no reply'), []);
    await desk.clock.advanceAsync(20);
    expect(desk.patienceMs).toBeLessThanOrEqual(COMMAND_MS);
  });

  it('may be refused alone, and is asked again alone when that passes', async () => {
    const desk = new Desk();
    const [first, second, third] = desk.ask('take', 'abc');
    await microtasks();
    desk.commands[0]!.onReply(undefined, ['refused for now', 'B', 'refused for good']);
    expect(second!.heard).toBe('B');
    expect((third!.heard as CallFailure).mayHaveRun).toBe(false);
    expect(first!.heard).toBeUndefined();
    await desk.clock.advanceAsync(20);
    expect(desk.sent).toEqual(['take abc', 'take a']);
  });

  it('that nobody wants any more is not sent, and the others are', async () => {
    const desk = new Desk();
    const [first] = desk.ask('take', 'abc');
    first!.isWanted = false;
    await microtasks();
    expect(desk.sent).toEqual(['take bc']);
    expect((first!.heard as CallFailure).mayHaveRun).toBe(false);
  });

  it('is given up when its time is over, and may have been executed', async () => {
    const desk = new Desk();
    const [first] = desk.ask('take', 'a');
    await microtasks();
    for (let at = 0; first!.heard === undefined; at++) {
      desk.commands[at]!.onReply(new Error('no reply'), []);
      await desk.clock.advanceAsync(300);
    }
    expect((first!.heard as CallFailure).mayHaveRun).toBe(true);
    expect(desk.batcher.isBusy).toBe(false);
  });
});
