import { createHash } from 'node:crypto';
import type { Lease } from '../../lib/lease.js';
import type {
  AcquireRequest,
  Busy,
  Grant,
  LockStore,
  RenewOutcome,
  RenewRequest,
} from '../../lib/stores/lock-store.js';
import { type Happening, type HistoryEvent, mergeHistories } from '../support/history/check-history.js';
import type { SimulatedProcess } from './simulated-process.js';
import type { VirtualWorld } from './virtual-world.js';

/** A moment in which a lease said `held`: what exclusion is about where a machine slept, because deadlines then stand still. */
export interface HeldReading {
  readonly call: string;
  readonly p: string;
  readonly name: string;
  readonly atMs: number;
}

/** Writes down what happens in one schedule, for the checker. */
export class Recorder {
  readonly readings: HeldReading[] = [];
  /** Whose owner token it was, dead or alive. */
  readonly ownerOf = new Map<string, SimulatedProcess>();
  readonly #events: HistoryEvent[] = [];
  readonly #calls = new Map<string, string>();
  /** By owner token: a grant may be confirmed before, and after, its caller has the lease. */
  readonly #renewing = new Map<string, number>();
  readonly #released = new Set<string>();
  #seq = 0;

  constructor(private readonly world: VirtualWorld) {}

  /** What the observer sees from outside. */
  observe(happening: Happening): void {
    this.#events.push({ ...happening, p: 'observer', seq: this.#seq++, atMs: this.world.nowMs });
  }

  record(process: SimulatedProcess, happening: Happening): void {
    if (happening.f === 'release') this.#released.add(happening.call);
    this.#events.push({ ...happening, p: process.id, seq: this.#seq++, atMs: process.nowMs });
  }

  /** From now on everything about this lease belongs to this call. */
  begin(process: SimulatedProcess, call: string, lease: Lease): void {
    const { name, fencingToken: fence } = lease;
    const deadlineMs = process.toWorldMs(lease.deadlineMs);
    const { ownerToken } = lease.hold;
    this.#calls.set(ownerToken, call);
    this.record(process, { f: 'acquire', type: 'ok', call, name, fence, deadlineMs });
    for (let i = 0; i < (this.#renewing.get(ownerToken) ?? 0); i++)
      this.record(process, { f: 'renew', type: 'invoke', call });
    lease.signal.addEventListener('abort', () => {
      if (this.#released.has(call)) return; // a refused release says so too, but its section had ended before
      const { cause } = lease.signal.reason as { cause: string };
      this.record(process, { f: 'lost', call, cause, deadlineMs: process.toWorldMs(lease.deadlineMs) });
    });
  }

  held(process: SimulatedProcess, call: string, lease: Lease): void {
    this.readings.push({ call, p: process.id, name: lease.name, atMs: process.nowMs });
  }

  /** The same store, with everything that the history needs to know written down. */
  observed(process: SimulatedProcess, store: LockStore): LockStore {
    const observed = Object.create(store) as LockStore;
    observed.attach = (context) => store.attach(context);
    observed.ready = () => store.ready();
    observed.acquire = (request, signal) => this.#acquire(process, store, { request, signal });
    observed.renew = (requests) => this.#renew(process, store, requests);
    observed.release = (hold) => store.release(hold);
    observed.forceRelease = (name, reason) => store.forceRelease(name, reason);
    observed.inspect = (name) => store.inspect(name);
    observed.stopGranting = () => store.stopGranting();
    observed.close = () => store.close();
    return observed;
  }

  /** In the order of time. */
  history(): HistoryEvent[] {
    return mergeHistories(this.#events);
  }

  /** Equal for two runs in which the same happened at the same moments. */
  fingerprint(): string {
    return createHash('sha1').update(JSON.stringify(this.#events)).digest('hex');
  }

  async #acquire(
    process: SimulatedProcess,
    store: LockStore,
    { request, signal }: { request: AcquireRequest; signal: AbortSignal },
  ): Promise<Grant | Busy> {
    const { ownerToken: place, name, onWaiting } = request;
    this.ownerOf.set(place, process);
    if (onWaiting === undefined) return store.acquire(request, signal);
    const note = (type: 'ask' | 'queued' | 'granted' | 'left') =>
      this.record(process, { f: 'place', type, place, name });
    note('ask');
    const waiting: AcquireRequest = {
      ...request,
      onWaiting: (news) => {
        if (news.error === undefined) note('queued');
        onWaiting(news);
      },
    };
    try {
      const answer = await store.acquire(waiting, signal);
      note('granted');
      return answer;
    } catch (error) {
      note('left');
      throw error;
    }
  }

  async #renew(
    process: SimulatedProcess,
    store: LockStore,
    requests: readonly RenewRequest[],
  ): Promise<RenewOutcome[]> {
    for (const { hold } of requests) this.#countRenewals(process, hold.ownerToken, 1);
    const outcomes = await store.renew(requests);
    for (const [index, outcome] of outcomes.entries()) {
      const { ownerToken } = requests[index]?.hold ?? { ownerToken: '' };
      this.#countRenewals(process, ownerToken, -1);
      const call = this.#calls.get(ownerToken);
      if (call === undefined) continue;
      if (outcome.outcome === 'renewed') {
        const fence = requests[index]?.hold.fencingToken ?? 0;
        const deadlineMs = process.toWorldMs(outcome.deadlineMs);
        this.record(process, { f: 'renew', type: 'ok', call, fence, deadlineMs });
      } else this.record(process, { f: 'renew', type: outcome.outcome, call });
    }
    return outcomes;
  }

  #countRenewals(process: SimulatedProcess, ownerToken: string, by: 1 | -1): void {
    this.#renewing.set(ownerToken, (this.#renewing.get(ownerToken) ?? 0) + by);
    const call = this.#calls.get(ownerToken);
    if (by === 1 && call !== undefined) this.record(process, { f: 'renew', type: 'invoke', call });
  }
}
