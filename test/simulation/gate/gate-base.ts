import { digits, type Holder, KEEP_MS, type Mode, type Request, type Waiter } from './words.js';

const FIRST_LEASE_MS = 5_000;
const KEPT_FOR_POLL_MS = 1_000;

/** How a tail begins whose process is of this release. */
const OF_THIS_RELEASE = /^[^!|]*:c:~[\w-]+[!|]/;

/** Who holds a name and who waits for it, in either format; who fits, who is let in, and whose lease is over. */
export class GateBase {
  nowUs = 0;
  /** Channels on which somebody listens. */
  readonly listening = new Set<string>();
  /** What somebody heard: channel, a space, the message. */
  readonly heard: string[] = [];
  /** none: no state · free: the trace of a clean release · held: format 1 · gate: format 2 */
  format: 'none' | 'free' | 'held' | 'gate' = 'none';
  fence = 0;
  lineage = 0;
  family: '-' | 'r' | 'l' = '-';
  limit = 0;
  /** What an operator has set. */
  stored: number | undefined;
  holders = new Map<string, Holder>();
  queue: Waiter[] = [];
  stateEndsMs = Infinity;
  queueEndsMs = Infinity;
  changed = false;

  constructor(readonly key: string) {}

  get nowMs(): number {
    return Math.floor(this.nowUs / 1_000);
  }

  /** When something ends by itself. */
  ends(): number[] {
    return [this.stateEndsMs, this.queueEndsMs, ...[...this.holders.values()].map(({ endsMs }) => endsMs)];
  }

  /** What time did to the keys, before a script looks at them. */
  passed(): void {
    if (this.queueEndsMs < this.nowMs) this.queue = [];
    if (this.format === 'none' || this.stateEndsMs >= this.nowMs) return;
    this.format = 'none';
    this.stateEndsMs = Infinity;
    this.holders.clear();
    this.family = '-';
    this.limit = 0;
  }

  /** @returns is a gate open? Then nobody holds it whose lease is over. */
  enter(self?: string): boolean {
    this.passed();
    this.changed = false;
    if (this.format !== 'gate') return false;
    const over = [...this.holders].filter(([, { endsMs }]) => endsMs < this.nowMs);
    for (const [token] of over) this.leave(token);
    if (over.length > 0) {
      this.breakLineage();
      this.letIn(self);
    }
    return true;
  }

  /** The answer, after the gate was closed if nobody holds and nobody waits. */
  saved<T>(answer: T): T {
    if (!this.changed) return answer;
    if (this.holders.size === 0 && this.queue.length === 0) {
      this.format = 'free';
      this.stateEndsMs = this.nowMs + KEEP_MS;
      this.family = '-';
      this.limit = 0;
      return answer;
    }
    const lastMs = Math.max(0, ...[...this.holders.values()].map(({ endsMs }) => endsMs + 1_000));
    this.stateEndsMs = Math.max(lastMs, this.queue.length > 0 ? this.nowMs + 90_000 : 0);
    return answer;
  }

  /** From format 1. @returns false: an older release is beside, and nothing was changed */
  opened(): boolean {
    const tails = [...this.holders.values(), ...this.queue].map(({ tail }) => tail);
    if (!tails.every((tail) => OF_THIS_RELEASE.test(tail))) return false;
    if (this.format === 'none') {
      this.fence = this.nowUs - 1;
      this.lineage = this.nowUs;
    }
    if (this.queue.length > 0) this.queueEndsMs = this.nowMs + 90_000;
    for (const hold of this.holders.values()) hold.endsMs = this.stateEndsMs;
    this.format = 'gate';
    this.changed = this.holders.size > 0 || this.queue.length > 0;
    return true;
  }

  fits(mode: Mode | 'U', weight: number, limit = this.limit): boolean {
    const modes = [...this.holders.values()].map((hold) => hold.mode);
    if (modes.includes('x')) return false;
    if (mode === 'x') return modes.length === 0;
    if (mode === 'i') return true;
    if (mode === 'I') return modes.every((other) => other.toLowerCase() === 'i');
    if (mode === 's') return !modes.includes('I');
    if (mode === 'u') return !modes.includes('u') && !modes.includes('I');
    if (mode === 'U') return modes.length === 1 && modes[0] === 'u';
    return [...this.holders.values()].reduce((sum, hold) => sum + hold.weight, weight) <= limit;
  }

  admit({ token, mode, weight, tail }: Omit<Request, 'leaseMs'> | Waiter, leaseMs: number): void {
    this.fence = Math.max(this.fence + 1, this.nowUs);
    const held = { mode: mode as Mode, weight, fence: this.fence, grantedUs: this.nowUs, tail };
    this.holders.set(token, { ...held, endsMs: this.nowMs + leaseMs });
    this.changed = true;
  }

  raise(hold: Holder): void {
    this.fence = Math.max(this.fence + 1, this.nowUs);
    hold.fence = this.fence;
    hold.mode = 'x';
    this.changed = true;
  }

  letIn(self?: string): void {
    for (;;) {
      const [head] = this.queue;
      if (head === undefined) return;
      const hold = head.mode === 'U' ? this.holders.get(head.token) : undefined;
      const isTooHeavy = head.mode === 'l' && head.weight > this.limit;
      if (!isTooHeavy && !this.fits(head.mode, head.weight)) return;
      this.queue.shift();
      this.changed = true;
      if (isTooHeavy) {
        this.publish(head.tail, `W${head.token}`);
        continue;
      }
      const leaseMs = hold === undefined ? head.leaseMs : hold.endsMs - this.nowMs;
      const offered =
        head.token === self ? leaseMs : this.offer(head, leaseMs, Math.max(this.fence + 1, this.nowUs));
      if (offered === undefined) continue;
      if (hold === undefined) this.admit(head, offered);
      else this.raise(hold);
    }
  }

  /** @returns the lease that the waiter was given; undefined: its process is gone */
  offer({ token, tail }: Waiter, leaseMs: number, fence: number): number | undefined {
    const listeners = this.listenersOn(tail);
    const givenMs = Math.min(leaseMs, listeners < 0 ? KEPT_FOR_POLL_MS : FIRST_LEASE_MS);
    if (listeners > 0) {
      const grant = digits(fence) + digits(this.lineage) + digits(this.nowUs);
      this.publish(tail, `G${token}${grant}${digits(givenMs, 8)}${this.key}`);
      return givenMs;
    }
    this.publish(tail, `W${token}`);
    return listeners < 0 ? givenMs : undefined;
  }

  /** @returns its ticket; undefined: the queue is full */
  join({ token, tail, mode, weight, leaseMs, ticket, most }: Request): number | undefined {
    const before = this.queue.find((waiter) => waiter.token === token);
    if (before === undefined && ticket === 0 && this.queue.length >= most) return undefined;
    this.queueEndsMs = this.nowMs + 90_000;
    if (before !== undefined) return before.score;
    const waiter = { token, tail, mode, weight, leaseMs, score: ticket === 0 ? this.nowUs : ticket };
    this.queue.push(waiter);
    this.queue.sort((a, b) => a.score - b.score || (a.token < b.token ? -1 : 1));
    return waiter.score;
  }

  /** @returns was it queued? */
  forget(token: string): boolean {
    const before = this.queue.length;
    this.queue = this.queue.filter((waiter) => waiter.token !== token);
    if (this.queue.length === before) return false;
    this.changed = true;
    return true;
  }

  leave(token: string): void {
    const hold = this.holders.get(token);
    this.holders.delete(token);
    if (hold?.mode === 'u') this.forget(token); // it would have upgraded what it holds no more
    this.changed = true;
  }

  breakLineage(): void {
    this.fence = this.lineage = Math.max(this.fence + 1, this.nowUs);
    this.changed = true;
  }

  nextEnd(): number {
    const [first] = this.inOrder();
    return first === undefined ? 0 : first[1].endsMs - this.nowMs;
  }

  /** In the order in which their leases end. */
  inOrder(): [string, Holder][] {
    return [...this.holders].toSorted(([a, x], [b, y]) => x.endsMs - y.endsMs || (a < b ? -1 : 1));
  }

  /** How long it stays taken by nobody when it is released now. */
  restMs({ grantedUs }: Holder, leastMs: number): number {
    return leastMs === 0 ? 0 : Math.min(leastMs, leastMs - Math.floor((this.nowUs - grantedUs) / 1_000));
  }

  /** The end that they wait for has become another. */
  wakeFirst(): void {
    for (const { token, tail } of this.queue.slice(0, 16)) {
      this.publish(tail, `W${token}`);
      if (this.listening.has(channelOf(tail))) return;
    }
  }

  listenersOn(tail: string): number {
    const channel = channelOf(tail);
    return tail[channel.length] === '!' ? -1 : Number(this.listening.has(channel));
  }

  publish(tail: string, message: string): void {
    const channel = channelOf(tail);
    if (this.listening.has(channel)) this.heard.push(`${channel} ${message}`);
  }
}

function channelOf(tail: string): string {
  return /^[^!|]*/.exec(tail)![0];
}
