import type { SingleLease } from '../holding/single-lease.js';
import { LockBusyError, queueFullError } from '../lock-errors.js';
import type { AcquireSettings } from '../acquire-options.js';
import { goTogether } from '../stores/lock-modes.js';
import type { LineContext } from './line-context.js';
import { LocalQueue, Waiter, type WaitersLine } from './local-queue.js';

/** The lease that was to be entered has ended meanwhile. */
const OUTER_IS_OVER = Symbol('outer lease is over');

/**
 * Those who enter one lease again, from inside of it (structured re-entry, DESIGN 6.10). Each who is inside opens a frame of its own,
 * so that what it calls enters through its lease and not through here. Here are siblings, which run beside each other in one call
 * chain (`Promise.all`): they exclude each other by their modes, first come first served, as callers of different chains do.
 */
export class ReentryLine implements WaitersLine {
  readonly #queue: LocalQueue;
  readonly #inside = new Set<SingleLease>();

  constructor(
    private readonly outer: SingleLease,
    private readonly context: LineContext,
    /** Nobody is inside, and nobody waits. */
    private readonly onIdle: () => void,
  ) {
    this.#queue = new LocalQueue(context.waits);
  }

  get name(): string {
    return this.outer.name;
  }

  /** undefined: somebody else is inside, or waits. */
  tryEnter(settings: AcquireSettings, calledAtMs: number): SingleLease | undefined {
    if (this.#queue.size > 0 || !this.#fits(settings)) return undefined;
    return this.#enter({ settings, calledAtMs });
  }

  /**
   * Waits for its turn, at most `settings.waitMs` after `calledAtMs` (monotonic). Resolves to undefined when the lease to be entered
   * ends before: then whoever waits is inside of nothing any more.
   *
   * @throws LockBusyError · when the caller's signal is aborted or cannot be listened to
   */
  async enter(settings: AcquireSettings, calledAtMs: number): Promise<SingleLease | undefined> {
    const lease = this.tryEnter(settings, calledAtMs);
    if (lease !== undefined) return lease;
    if (settings.waitMs === 0) throw this.#busy();
    return this.#wait(settings, calledAtMs);
  }

  async #wait(settings: AcquireSettings, calledAtMs: number): Promise<SingleLease | undefined> {
    if (this.#queue.size >= settings.maxWaiters) {
      const who = `${settings.maxWaiters} callers of one call chain`;
      throw queueFullError(this.name, who, this.outer.remainingMs());
    }
    const waiter = new Waiter(this, settings, calledAtMs);
    const turn = this.#queue.add(waiter);
    this.context.waiting(this.name, settings);
    try {
      return await turn;
    } catch (error) {
      if (error === OUTER_IS_OVER) return undefined;
      throw error;
    }
  }

  leave(waiter: Waiter, reason: unknown): void {
    if (!this.#queue.remove(waiter)) return;
    waiter.reject(reason);
    this.#proceed();
  }

  overdue(waiter: Waiter): void {
    this.leave(waiter, this.#busy());
  }

  #busy(): LockBusyError {
    const message = `lock "${this.name}" is held by this call chain, and another part of it (as in Promise.all) is inside or waits before us`;
    return new LockBusyError(this.name, { message, retryAfterMs: this.outer.remainingMs() });
  }

  #fits({ mode }: AcquireSettings): boolean {
    for (const { access } of this.#inside) if (!goTogether(mode, access)) return false;
    return true;
  }

  #enter(taker: Pick<Waiter, 'settings' | 'calledAtMs'>): SingleLease {
    const lease = this.context.leases.enter(this.outer, taker, () => {
      this.#inside.delete(lease);
      this.#proceed();
    });
    this.#inside.add(lease);
    return lease;
  }

  /** Whatever changed: whose turn is it? */
  #proceed(): void {
    if (this.outer.isOver) this.#queue.failAll(() => OUTER_IS_OVER);
    const { turns, clock } = this.context;
    for (
      let head = this.#queue.head;
      head !== undefined && this.#fits(head.settings);
      head = this.#queue.head
    ) {
      if (!turns.mayGoOn(clock.monotonicMs())) {
        turns.goOnLater(() => this.#proceed());
        return;
      }
      this.#queue.remove(head);
      head.resolve(this.#enter(head));
    }
    if (this.#inside.size === 0 && this.#queue.size === 0) this.onIdle();
  }
}
