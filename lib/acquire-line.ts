import { setMaxListeners } from 'node:events';
import { type ClockReading, readClocks } from './clock.js';
import { LocalQueue } from './local-queue.js';
import { LockBusyError, LockStoreError } from './lock-errors.js';
import type { AcquireSettings, ManagerSettings } from './lock-options.js';
import type { AcquireRequest, Busy, Grant, WaitingNews } from './stores/lock-store.js';

/** A grant, and how the clocks stood when we asked for it. */
export interface Acquired extends Grant {
  readonly asOf: ClockReading;
}

export interface AcquireLineHooks {
  /** A request with this owner token is on its way. */
  asking(ownerToken: string): void;
  /** The request with this owner token ended without a hold. */
  unused(ownerToken: string): void;
  /** A caller must wait. */
  waiting(label: string): void;
}

interface Member {
  readonly settings: AcquireSettings;
  readonly waitMs: number;
  readonly signal: AbortSignal | undefined;
  /** Has the event `waiting` been sent for this member? */
  told: boolean;
  tooLate(): Error;
}

const NEVER = new AbortController().signal;
setMaxListeners(0, NEVER); // shared by all who ask once and have no signal of their own

/** All acquisitions of one name by this process: who is next here, and what the store last said to the one who is. */
export class AcquireLine {
  readonly #queue: LocalQueue<Member, Acquired>;
  /** What the store last said, and when: the reason given to whoever gives up. */
  #news: WaitingNews | undefined;
  #newsAtMs = 0;
  #askedAtMs = 0;

  constructor(
    private readonly name: string,
    private readonly manager: ManagerSettings,
    private readonly hooks: AcquireLineHooks,
  ) {
    this.#queue = new LocalQueue(
      manager.clock,
      (head, signal) => this.#askUntilGranted(head, signal),
      (unwanted) => this.#giveBack(unwanted),
    );
  }

  /** How many callers wait here. */
  get size(): number {
    return this.#queue.size;
  }

  /** Waits for the grant, at most `settings.waitMs` after `calledAtMs`. */
  wait(settings: AcquireSettings, calledAtMs: number): Promise<Acquired> {
    const waitMs = settings.waitMs - (this.manager.clock.monotonicMs() - calledAtMs);
    const told = this.size > 0;
    if (told) this.hooks.waiting(settings.label);
    const tooLate = () => this.#tooLate(settings);
    return this.#queue.wait({ settings, waitMs, signal: settings.signal, told, tooLate });
  }

  /** Asks once, beside the line: the store gives nothing to one who does not wait while others do. */
  async tryOnce(settings: AcquireSettings): Promise<Acquired | Busy> {
    const answer = await this.#ask(settings, settings.signal ?? NEVER);
    if (answer.outcome === 'busy' || this.#isUsable(answer)) return answer;
    this.#giveBack(answer);
    throw this.#tooSlow();
  }

  /** Everybody leaves with this reason (closing). */
  dismiss(reason: Error): void {
    this.#queue.dismiss(reason);
  }

  async #askUntilGranted(head: Member, signal: AbortSignal): Promise<Acquired> {
    const onWaiting = (news: WaitingNews) => {
      if (!head.told) this.hooks.waiting(head.settings.label);
      head.told = true;
      this.#hear(news);
    };
    for (;;) {
      this.#news = undefined;
      this.#askedAtMs = this.manager.clock.monotonicMs();
      const answer = await this.#ask(head.settings, signal, onWaiting);
      if (answer.outcome === 'busy') throw new Error('a store must not answer «busy» to one who waits');
      if (this.#isUsable(answer)) return answer;
      // The reply was slower than the lease: it may be somebody else's by now. Never hand out a dead lease.
      this.#giveBack(answer);
      this.#hear({ error: this.#tooSlow() });
      signal.throwIfAborted();
    }
  }

  /** @param onWaiting given by one who waits; without it the store answers at once */
  async #ask(
    settings: AcquireSettings,
    signal: AbortSignal,
    onWaiting?: (news: WaitingNews) => void,
  ): Promise<Acquired | Busy> {
    const ownerToken = this.manager.randomness.ownerToken();
    const asOf = readClocks(this.manager.clock);
    const { leaseMs, mode, label } = settings;
    const { name } = this;
    const request: AcquireRequest =
      onWaiting === undefined
        ? { name, ownerToken, leaseMs, mode, label, wait: false }
        : { name, ownerToken, leaseMs, mode, label, wait: true, onWaiting };
    this.hooks.asking(ownerToken);
    try {
      const answer = await this.manager.store.acquire(request, signal);
      if (answer.outcome === 'granted') return { ...answer, asOf };
      this.hooks.unused(ownerToken);
      return answer;
    } catch (error) {
      this.hooks.unused(ownerToken);
      throw error;
    }
  }

  #isUsable(grant: Grant): boolean {
    return grant.deadlineMs > this.manager.clock.monotonicMs();
  }

  #giveBack(grant: Grant): void {
    this.hooks.unused(grant.hold.ownerToken);
    // The store goes on trying by itself; a hold that it cannot end runs out.
    void this.manager.store.release(grant.hold).catch(() => undefined);
  }

  #hear(news: WaitingNews): void {
    this.#news = news;
    this.#newsAtMs = this.manager.clock.monotonicMs();
  }

  #tooLate(settings: AcquireSettings): Error {
    if (this.#news?.error !== undefined) return this.#news.error;
    const silentMs = this.manager.clock.monotonicMs() - this.#askedAtMs;
    // Nobody said that the lock is held: for most of this wait the store has said nothing.
    if (this.#news === undefined && silentMs > settings.waitMs / 2) return this.#silent(settings.waitMs);
    const heardMs = this.#news?.retryAfterMs ?? 0;
    const retryAfterMs = Math.max(0, heardMs - (this.manager.clock.monotonicMs() - this.#newsAtMs));
    const message = `lock "${this.name}" is held by someone else; gave up after waiting ${settings.waitMs} ms`;
    return new LockBusyError(this.name, { message, retryAfterMs });
  }

  #silent(waitMs: number): LockStoreError {
    const message = `the store did not answer for lock "${this.name}" within the ${waitMs} ms that the caller waits`;
    return new LockStoreError('LOCK_STORE_UNAVAILABLE', message, { lockName: this.name });
  }

  #tooSlow(): LockStoreError {
    const message = `the store's reply for lock "${this.name}" came later than the lease it granted`;
    return new LockStoreError('LOCK_STORE_UNAVAILABLE', message, { lockName: this.name });
  }
}
