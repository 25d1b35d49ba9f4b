import type { Clock } from './clock.js';

/** What a caller brings to the line. */
export interface LineMember {
  readonly waitMs: number;
  readonly signal: AbortSignal | undefined;
  /** Made only when the wait ends without a grant. */
  tooLate(): Error;
}

interface Waiter<M, G> {
  readonly member: M;
  readonly settle: (grant: G) => void;
  readonly fail: (reason: unknown) => void;
}

/**
 * The line for one name in this process: first come, first served. Only its head has a place in the store's queue, so 500
 * waiters here cost the store one entry and one poll. The place belongs to the line, not to the head: when the head gives up,
 * the next one takes it over instead of going to the back of the queue between processes.
 */
export class LocalQueue<M extends LineMember, G> {
  // A Set keeps insertion order and removes from the middle in O(1): cancelling 1 000 waiters is not 1 000 scans.
  readonly #waiters = new Set<Waiter<M, G>>();
  #place: AbortController | undefined;

  /**
   * @param ask one store acquisition for the present head; rejects when `signal` aborts
   * @param giveBack a grant that came when nobody waits any more
   */
  constructor(
    private readonly clock: Clock,
    private readonly ask: (head: M, signal: AbortSignal) => Promise<G>,
    private readonly giveBack: (grant: G) => void,
  ) {}

  get size(): number {
    return this.#waiters.size;
  }

  /** Who would be granted next; undefined when the line is empty. */
  get head(): M | undefined {
    return this.#first()?.member;
  }

  /** Resolves when it is this member's turn and the store has granted; rejects when its wait ends before. */
  wait(member: M): Promise<G> {
    return new Promise<G>((resolve, reject) => {
      const leave = (reason: unknown) => {
        this.#waiters.delete(waiter);
        if (this.#waiters.size === 0) this.#place?.abort();
        waiter.fail(reason);
      };
      const onAbort = () => leave(member.signal?.reason);
      const timer = this.clock.setTimer(member.waitMs, () => leave(member.tooLate()));
      const done = () => {
        timer.cancel();
        member.signal?.removeEventListener('abort', onAbort);
      };
      const waiter: Waiter<M, G> = {
        member,
        settle: (grant) => (done(), resolve(grant)),
        fail: (reason) => (done(), reject(reason)),
      };
      member.signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiters.add(waiter);
      this.#askForHead();
    });
  }

  /** Everybody leaves with this reason (closing). */
  dismiss(reason: Error): void {
    this.#place?.abort();
    this.#failAll(reason);
  }

  #first(): Waiter<M, G> | undefined {
    return this.#waiters.values().next().value;
  }

  #askForHead(): void {
    const head = this.#first();
    if (head === undefined || (this.#place !== undefined && !this.#place.signal.aborted)) return;
    const place = new AbortController();
    this.#place = place;
    this.ask(head.member, place.signal).then(
      (grant) => this.#granted(grant, place),
      (error: unknown) => this.#refused(error, place),
    );
  }

  #granted(grant: G, place: AbortController): void {
    // The head may have changed since we asked: the grant is the line's, so whoever is first now has it.
    const head = place.signal.aborted ? undefined : this.#first();
    if (this.#place === place) this.#place = undefined;
    if (head === undefined) this.giveBack(grant);
    else {
      this.#waiters.delete(head);
      head.settle(grant);
    }
    this.#askForHead();
  }

  #refused(error: unknown, place: AbortController): void {
    if (this.#place === place) this.#place = undefined;
    // The store could not be asked at all: that holds for everybody here, and asking again for each of them in turn would only
    // make the last one wait for all the others' failures. An abort is our own doing: members who came since go on.
    if (!place.signal.aborted) this.#failAll(error);
    this.#askForHead();
  }

  #failAll(reason: unknown): void {
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const waiter of waiters) waiter.fail(reason);
  }
}
