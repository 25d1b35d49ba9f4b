import { systemClock } from '../../../lib/clock.js';
import type { AcquireRequest, Lease, LockManagerOptions, LockStore } from '../../../lib/index.js';
import { wrapStore } from '../../../lib/testing/contract/contract-bench.js';
import type { Happening, HistoryEvent } from './history-events.js';

export interface RecordingOptions {
  /** Name of this process in the history. */
  readonly p: string;
  readonly manager: LockManagerOptions;
  readonly write: (event: HistoryEvent) => void;
  /** Added to the manager's monotonic clock to give the clock that all processes share, in ms. */
  readonly offsetMs: number;
  /** How long a request may take that does not wait, in ms: the store's `commandMs`. */
  readonly tryMs: number;
}

/** Stamps what happens with the process, its order in it, and the time. */
export class Recorder {
  /** How often the store was asked to end a hold, or to say who is next. */
  readonly asked = new WeakMap<object, number>();
  /** Whose hold it is. */
  readonly calls = new WeakMap<object, { readonly call: string; readonly lease: Lease }>();
  readonly #options: RecordingOptions;
  #seq = 0;
  #ids = 0;

  constructor(options: RecordingOptions) {
    this.#options = options;
  }

  nextId(): string {
    return `${this.#options.p}:${++this.#ids}`;
  }

  nowMs(): number {
    return this.shared((this.#options.manager.clock ?? systemClock).monotonicMs());
  }

  readonly shared = (monotonicMs: number): number => monotonicMs + this.#options.offsetMs;

  readonly add = (happening: Happening, atMs = this.nowMs()): void => {
    const stamp = { p: this.#options.p, seq: this.#seq++, atMs };
    this.#options.write(Object.assign(stamp, happening));
  };
}

/** Places in the queue and renewals are not seen by the caller: write them down where they pass. */
export function recordedStore(store: LockStore, recorder: Recorder): LockStore {
  const { add, asked, calls, shared } = recorder;
  const recordedRequest = (request: AcquireRequest, place: string): AcquireRequest => {
    const { name, onWaiting } = request;
    if (onWaiting === undefined) return request;
    const queued: typeof onWaiting = (news) => {
      if (news.error === undefined) add({ f: 'place', type: 'queued', place, name });
      onWaiting(news);
    };
    return { ...request, onWaiting: queued };
  };
  const settled = async <A extends { readonly outcome: string }>(
    answer: Promise<A>,
    of: { readonly place: string; readonly name: string },
  ): Promise<A> => {
    try {
      const given = await answer;
      add({ f: 'place', type: given.outcome === 'granted' ? 'granted' : 'left', ...of });
      return given;
    } catch (error) {
      add({ f: 'place', type: 'left', ...of });
      throw error;
    }
  };
  return wrapStore(store, {
    acquire: async (request, signal) => {
      const { name } = request;
      const place = recorder.nextId();
      add({ f: 'place', type: 'ask', place, name });
      return settled(store.acquire(recordedRequest(request, place), signal), { place, name });
    },
    // A slice ends: a new place is asked for, unless the hold is kept.
    yieldOrKeep: async (hold, request, signal) => {
      const { name } = request;
      const place = recorder.nextId();
      asked.set(hold, (asked.get(hold) ?? 0) + 1);
      add({ f: 'place', type: 'ask', place, name });
      const left = () => add({ f: 'place', type: 'left', place, name });
      try {
        const answer = await store.yieldOrKeep!(hold, recordedRequest(request, place), signal);
        if (answer.outcome === 'yielded')
          return { ...answer, granted: settled(answer.granted, { place, name }) };
        left();
        return answer;
      } catch (error) {
        left();
        throw error;
      }
    },
    release: (hold) => {
      asked.set(hold, Infinity);
      return store.release(hold);
    },
    renew: async (requests) => {
      // A hold without a call is one whose acquire has not returned yet.
      // Between two leases a hold is nobody's.
      const known = requests.map(({ hold }) => {
        const user = calls.get(hold);
        return user?.lease.state === 'released' && asked.get(hold) !== Infinity ? undefined : user;
      });
      for (const user of known) if (user !== undefined) add({ f: 'renew', type: 'invoke', call: user.call });
      const outcomes = await store.renew(requests);
      for (const [i, user] of known.entries()) {
        const outcome = outcomes[i];
        if (user === undefined || outcome === undefined) continue;
        const { call, lease } = user;
        // The token of this lease, not of the hold: it may have gone to the next one meanwhile.
        const { fencingToken: fence } = lease;
        if (outcome.outcome !== 'renewed') add({ f: 'renew', type: outcome.outcome, call });
        else add({ f: 'renew', type: 'ok', call, fence, deadlineMs: shared(outcome.deadlineMs) });
      }
      return outcomes;
    },
  });
}
