import { PlainModel } from './plain-model.js';
import {
  type Answer,
  digits,
  type Holder,
  LONGEST_PLAIN_MS,
  type Mode,
  type Request,
  type Waiter,
} from './words.js';

/** What a hold says of itself when it ends, or goes on. */
export interface KnownHold {
  readonly token: string;
  readonly used: number;
  /** 0: no grant was seen. */
  readonly lineage: number;
  /** It may have a place in the queue. */
  readonly queued: boolean;
  /** How long its share stays taken at least after its grant; 0: no least time. */
  readonly leastMs: number;
}

/**
 * What PROTOCOL.md says of one name, as plainly as it can be said: a list of holders, a list of waiters, and what they may do. It knows
 * nothing of counters, members and records: those are the scripts' own affair, and this is how they are found out.
 */
export class GateModel extends PlainModel {
  acquireAtGate(request: Request): Answer {
    const { token, mode, weight, leaseMs, waits } = request;
    if (!this.enter(token)) {
      const refusal = this.#open(request);
      if (refusal !== undefined) return refusal;
    }
    const limit = this.stored ?? (this.family === 'l' ? this.limit : request.limit);
    const own = this.holders.get(token);
    if (mode === 'l' && weight > limit && own === undefined) {
      if (this.forget(token)) this.letIn();
      return this.saved([-15, limit]);
    }
    if (own !== undefined) return this.saved(this.#granted(own));
    if (mode === 'l' && this.family === 'r') return this.saved([-14, 'r']);
    if (mode !== 'l' && mode !== 'x' && this.family === 'l') return this.saved([-14, 'l']);
    if (this.queue.length === 0 && this.fits(mode, weight, limit)) {
      this.admit(request, leaseMs);
      this.#enrol(mode, limit);
    } else if (!waits) {
      return this.saved([0, this.nextEnd()]);
    } else {
      const ticket = this.join(request);
      if (ticket === undefined) return this.saved([4, this.nextEnd()]);
      this.#enrol(mode, limit);
      this.letIn(token);
      if (!this.holders.has(token)) return this.saved(this.#queued(request, ticket));
    }
    return this.saved(this.#granted(this.holders.get(token)!));
  }

  #granted({ fence, endsMs, mode }: Holder): Answer {
    return [1, digits(fence), digits(this.lineage), endsMs - this.nowMs, mode === 'l' ? this.limit : 0];
  }

  #queued({ tail, mode }: Request, ticket: number): Answer {
    const listeners = this.listenersOn(tail);
    return [2, this.nextEnd(), digits(ticket), digits(this.nowUs), listeners, mode === 'l' ? this.limit : 0];
  }

  #enrol(mode: Mode, limit: number): void {
    if (mode === 'l') {
      this.family = 'l';
      this.limit = limit;
    } else if (mode !== 'x' && this.family === '-') {
      this.family = 'r';
    }
    this.changed = true;
  }

  /** @returns why the gate stays closed; undefined: it is open */
  #open({ mode, leaseMs, weight, limit, waits, most, ticket }: Request): Answer | undefined {
    const inForce = this.stored ?? limit;
    if (mode === 'l' && weight > inForce) return [-15, inForce];
    if (mode === 'x' && leaseMs <= LONGEST_PLAIN_MS) return [-12];
    const isHeld = this.format === 'held';
    if (isHeld || this.queue.length > 0) {
      const leftMs = isHeld ? this.stateEndsMs - this.nowMs : 0;
      if (isHeld && !waits) return [0, leftMs];
      if (waits && this.queue.length >= most && ticket === 0) return [4, leftMs];
    }
    if (!this.opened()) return [-13];
    if (!waits) this.letIn();
    if (isHeld) for (const [token, { tail }] of this.holders) this.publish(tail, `S${token}`);
    return undefined;
  }

  releaseAtGate({ token, used, lineage, queued, leastMs }: KnownHold): Answer {
    if (!this.enter()) return [-12];
    const wasQueued = queued && this.forget(token);
    let isTaken = false;
    const hold = this.holders.get(token);
    if (hold !== undefined) {
      const restMs = this.restMs(hold, leastMs);
      this.leave(token);
      if (restMs > 0) this.holders.set(`!${token.slice(1)}`, { ...hold, endsMs: this.nowMs + restMs });
      isTaken = restMs > 0;
      this.fence = Math.max(this.fence, used);
    }
    if (hold !== undefined || wasQueued) this.letIn();
    if (isTaken) this.wakeFirst();
    if (hold !== undefined) return this.saved([1]);
    if (lineage === 0) return this.saved([3]);
    return this.saved([this.lineage === lineage && this.fence >= used ? 2 : -1]);
  }

  renewAtGate(token: string, leaseMs: number, known: number): Answer {
    if (!this.enter()) return [-12];
    const hold = this.holders.get(token);
    if (hold === undefined) return this.saved([-1]);
    if (hold.endsMs < this.nowMs + leaseMs) {
      hold.endsMs = this.nowMs + leaseMs;
      this.changed = true;
    }
    const leftMs = hold.endsMs - this.nowMs;
    return this.saved(
      hold.fence === known ? [1, leftMs] : [1, leftMs, digits(hold.fence), digits(this.lineage)],
    );
  }

  /** w waits · - does not · c only leaves the queue */
  upgrade(token: string, how: 'w' | '-' | 'c'): Answer {
    if (!this.enter(token)) return [-1];
    const hold = this.holders.get(token);
    if (hold === undefined) return this.saved([-1]);
    if (hold.mode !== 'u' && hold.mode !== 'x') return this.saved([-14, hold.mode]);
    if (hold.mode === 'u' && (how === 'c' || !this.fits('U', 1))) {
      if (how === 'w') {
        if (!this.queue.some((waiter) => waiter.token === token)) this.queue.unshift(upgradeOf(token, hold));
        this.queueEndsMs = this.nowMs + 90_000;
        this.changed = true;
        return this.saved([2, this.nextEnd(), digits(0), digits(this.nowUs), this.listenersOn(hold.tail)]);
      }
      if (this.forget(token)) this.letIn();
      return this.saved([0, this.nextEnd()]);
    }
    if (hold.mode === 'u') {
      this.forget(token);
      this.raise(hold);
    }
    return this.saved([1, digits(hold.fence), digits(this.lineage), hold.endsMs - this.nowMs]);
  }

  downgrade(token: string, used: number): Answer {
    if (!this.enter()) {
      if (this.format !== 'held' || !this.holders.has(token)) return [-1];
      if (!this.opened()) return [-13];
    }
    const hold = this.holders.get(token);
    if (hold === undefined) return this.saved([-1]);
    if (this.family === 'l' || hold.mode.toLowerCase() === 'i') return this.saved([-14, hold.mode]);
    if (hold.mode !== 's') {
      if (hold.mode === 'u') this.forget(token);
      hold.mode = 's';
      hold.fence = Math.max(hold.fence, used);
      this.fence = Math.max(this.fence, hold.fence);
      this.family = 'r';
      this.letIn();
      this.changed = true;
    }
    return this.saved([1, digits(hold.fence), digits(this.lineage), hold.endsMs - this.nowMs]);
  }

  forceAtGate(reason: string, only = 0): Answer {
    const before = this.fence;
    if (!this.enter()) return [-12];
    const issued = ({ mode, fence }: Holder) =>
      only === 0 || only === fence || (mode === 'x' && only > fence && only <= this.nowUs);
    const victims = this.inOrder().filter(([, hold]) => issued(hold));
    for (const [token, hold] of victims) {
      this.publish(hold.tail, `L${token}${reason}`);
      this.leave(token);
    }
    const [first] = victims;
    if (first === undefined) return this.saved([0]);
    if (this.nowUs <= before) this.fence += 1_000_000;
    this.breakLineage();
    this.letIn();
    return this.saved([1, digits(first[1].fence), labelOf(first[1].tail)]);
  }

  inspectAtGate(): Answer {
    this.passed();
    if (this.format !== 'gate') return [-12];
    const live = this.inOrder().filter(([, { endsMs }]) => endsMs >= this.nowMs);
    const shown = live.flatMap(([, { mode, weight, fence, grantedUs, endsMs, tail }]) => [
      mode,
      weight,
      digits(fence),
      digits(grantedUs),
      endsMs - this.nowMs,
      labelOf(tail),
    ]);
    return [this.queue.length, this.limit, ...shown];
  }

  setLimit(limit: number | undefined): Answer {
    this.stored = limit;
    if (!this.enter()) return [1];
    if (limit !== undefined && this.family === 'l' && this.limit !== limit) {
      this.limit = limit;
      this.changed = true;
      this.letIn();
    }
    return this.saved([1]);
  }
}

function upgradeOf(token: string, { tail }: Holder): Waiter {
  return { token, tail, mode: 'U', weight: 1, leaseMs: 0, score: 0 };
}

function labelOf(tail: string): string {
  return tail.slice(tail.indexOf('|') + 1);
}
