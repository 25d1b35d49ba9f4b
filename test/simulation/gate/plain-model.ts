import { GateBase } from './gate-base.js';
import { type Answer, digits, KEEP_MS, type Request } from './words.js';

/** The same name for processes that ask plainly: acquire.lua, release.lua, renew.lua. */
export class PlainModel extends GateBase {
  acquirePlainly(request: Request): Answer {
    const { token, waits, leaseMs } = request;
    this.passed();
    if (this.format === 'gate') return [-11, '2'];
    if (this.format === 'none' && this.queue.length > 0) return this.#acquireUnknown(request);
    if (this.format !== 'held') {
      this.fence = this.format === 'free' ? Math.max(this.fence + 1, this.nowUs) : this.nowUs;
      if (this.format === 'none') this.lineage = this.nowUs;
      return this.#held(request, leaseMs);
    }
    const leftMs = this.stateEndsMs - this.nowMs;
    if (this.holders.has(token)) return [1, digits(this.fence), digits(this.lineage), leftMs];
    if (!waits) return [0, leftMs];
    const ticket = this.join(request);
    return ticket === undefined ? [4, leftMs] : this.#queued(request, leftMs, ticket);
  }

  /** The holder's lease ran out. Those who were queued are first. */
  #acquireUnknown(request: Request): Answer {
    const { token, waits, leaseMs } = request;
    const ticket = waits ? this.join(request) : undefined;
    this.fence = this.lineage = this.nowUs;
    const winner = this.#promote(token);
    if (winner === undefined) return this.#held(request, leaseMs);
    const leftMs = this.stateEndsMs - this.nowMs;
    if (winner === token) return [1, digits(this.fence), digits(this.lineage), leftMs];
    if (ticket !== undefined) return this.#queued(request, leftMs, ticket);
    return [waits ? 4 : 0, leftMs];
  }

  #queued({ tail }: Request, leftMs: number, ticket: number): Answer {
    return [2, leftMs, digits(ticket), digits(this.nowUs), this.listenersOn(tail)];
  }

  #held({ token, tail }: Pick<Request, 'token' | 'tail'>, leaseMs: number): Answer {
    const endsMs = this.nowMs + leaseMs;
    this.format = 'held';
    this.stateEndsMs = endsMs;
    const hold = { mode: 'x' as const, weight: 1, fence: this.fence, grantedUs: this.nowUs, endsMs, tail };
    this.holders = new Map([[token, hold]]);
    return [1, digits(this.fence), digits(this.lineage), leaseMs];
  }

  /** @returns who has it now, under the fence that is set */
  #promote(self?: string): string | undefined {
    for (;;) {
      const head = this.queue.shift();
      if (head === undefined) return undefined;
      const leaseMs = head.token === self ? head.leaseMs : this.offer(head, head.leaseMs, this.fence);
      if (leaseMs === undefined) continue;
      this.#held(head, leaseMs);
      return head.token;
    }
  }

  releasePlainly({
    token,
    used,
    lineage,
    queued,
    leastMs,
  }: {
    token: string;
    used: number;
    lineage: number;
    queued: boolean;
    leastMs: number;
  }): Answer {
    this.passed();
    if (this.format === 'gate') return [-11, '2'];
    if (queued) this.forget(token);
    const hold = this.holders.get(token);
    if (this.format === 'held' && hold !== undefined) {
      const last = Math.max(this.fence, used);
      const restMs = lineage === 0 ? 0 : this.restMs(hold, leastMs);
      if (restMs > 0) {
        this.fence = last;
        this.stateEndsMs = this.nowMs + restMs;
        this.holders = new Map([[`!${token.slice(1)}`, { ...hold, fence: last, endsMs: this.stateEndsMs }]]);
        this.wakeFirst();
        return [1];
      }
      this.holders.clear();
      this.fence = this.queue.length > 0 ? Math.max(last + 1, this.nowUs) : last;
      if (this.#promote() === undefined) {
        this.fence = last;
        this.format = 'free';
        this.stateEndsMs = this.nowMs + KEEP_MS;
      }
      return [1];
    }
    if (lineage === 0) return [3];
    return [this.format !== 'none' && this.lineage === lineage && this.fence >= used ? 2 : -1];
  }

  renewPlainly(
    token: string,
    leaseMs: number,
    known: { readonly fence: number; readonly lineage: number },
  ): Answer {
    this.passed();
    if (this.format === 'gate') return [-11, '2'];
    if (this.format !== 'held' || !this.holders.has(token)) return [-1];
    this.stateEndsMs = Math.max(this.stateEndsMs, this.nowMs + leaseMs);
    for (const hold of this.holders.values()) hold.endsMs = this.stateEndsMs;
    const leftMs = this.stateEndsMs - this.nowMs;
    const isKnown = this.fence === known.fence && this.lineage === known.lineage;
    return isKnown ? [1, leftMs] : [1, leftMs, digits(this.fence), digits(this.lineage)];
  }
}
