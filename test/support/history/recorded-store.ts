import { systemClock } from '../../../lib/runtime/clock.js';
import type {
  AcquireRequest,
  Busy,
  Full,
  Grant,
  Lease,
  LockManagerOptions,
  LockStore,
  RenewOutcome,
  RenewRequest,
} from '../../../lib/index.js';
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

/** Who uses a hold. */
export interface RecordedUser {
  readonly call: string;
  readonly lease: Lease;
  /** On several names, of which this is one; else the same. */
  readonly whole: Lease;
  /** May others of its process have the hold at the same time? Readers share one. */
  readonly shares: boolean;
}

/** Stamps what happens with the process, its order in it, and the time. */
export class Recorder {
  /** How often the store was asked to end a hold, or to say who is next. */
  readonly asked = new WeakMap<object, number>();
  /** Whose hold it is. */
  readonly #users = new WeakMap<object, readonly RecordedUser[]>();
  /** Labels of calls for several names. */
  readonly joint = new Set<string>();
  /** Names that such calls hold. */
  readonly #parts = new Map<object, { readonly part: string; readonly name: string }>();
  readonly #options: RecordingOptions;
  #seq = 0;
  #ids = 0;

  constructor(options: RecordingOptions) {
    this.#options = options;
  }

  nextId(): string {
    return `${this.#options.p}:${++this.#ids}`;
  }

  /** From now on the hold is this one's; and of those with whom it shares it. */
  uses(hold: object, user: RecordedUser): void {
    this.#users.set(hold, user.shares ? [...this.usersOf(hold), user] : [user]);
  }

  usersOf(hold: object): readonly RecordedUser[] {
    return this.#users.get(hold) ?? [];
  }

  /** Of nobody whom the history knows: perhaps of a call that has not all of its names yet. */
  partHeld(hold: object, name: string): void {
    if (this.#parts.has(hold)) return;
    const part = this.nextId();
    this.#parts.set(hold, { part, name });
    this.add({ f: 'part', type: 'held', part, name });
  }

  partLeft(hold: object): void {
    const part = this.#parts.get(hold);
    if (part === undefined) return;
    this.#parts.delete(hold);
    this.add({ f: 'part', type: 'left', ...part });
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

/** What the store gave to a call for several names, which may still wait for the others. */
async function partOf<A extends Grant | Busy | Full>(
  recorder: Recorder,
  { label, name }: AcquireRequest,
  answer: Promise<A>,
): Promise<A> {
  const given = await answer;
  if (given.outcome === 'granted' && recorder.joint.has(label)) recorder.partHeld(given.hold, name);
  return given;
}

/** Places in the queue and renewals are not seen by the caller: write them down where they pass. */
export function recordedStore(store: LockStore, recorder: Recorder): LockStore {
  const { asked } = recorder;
  return wrapStore(store, {
    acquire: (request, signal) => {
      const place = new RecordedPlace(recorder, request);
      return partOf(recorder, request, place.until(store.acquire(place.request, signal)));
    },
    // A slice ends: a new place is asked for, unless the hold is kept.
    yieldOrKeep: async (hold, request, signal) => {
      asked.set(hold, (asked.get(hold) ?? 0) + 1);
      const place = new RecordedPlace(recorder, request);
      const answer = await place.orLeave(store.yieldOrKeep!(hold, place.request, signal));
      if (answer.outcome === 'kept') recorder.partHeld(hold, hold.name);
      else recorder.partLeft(hold);
      if (answer.outcome === 'yielded') return { ...answer, granted: place.until(answer.granted) };
      place.note('left');
      return answer;
    },
    release: (hold, onSent) => {
      asked.set(hold, Infinity);
      recorder.partLeft(hold);
      return store.release(hold, onSent);
    },
    renew: (requests) => recordedRenewals(store, recorder, requests),
  });
}

class RecordedPlace {
  readonly #place: string;
  /** What the store is asked. */
  readonly request: AcquireRequest;

  constructor(
    private readonly recorder: Recorder,
    private readonly given: AcquireRequest,
  ) {
    this.#place = recorder.nextId();
    const { onWaiting } = given;
    const queued: typeof onWaiting = (news) => {
      if (news.error === undefined) this.note('queued');
      onWaiting?.(news);
    };
    this.request = onWaiting === undefined ? given : { ...given, onWaiting: queued };
    this.note('ask');
  }

  note(type: 'ask' | 'queued' | 'granted' | 'left'): void {
    const { name, mode, limit } = this.given;
    const kind = limit === undefined ? mode : 'limited';
    this.recorder.add({ f: 'place', type, place: this.#place, name, kind });
  }

  async orLeave<A>(answer: Promise<A>): Promise<A> {
    try {
      return await answer;
    } catch (error) {
      this.note('left');
      throw error;
    }
  }

  async until<A extends { readonly outcome: string }>(answer: Promise<A>): Promise<A> {
    const given = await this.orLeave(answer);
    this.note(given.outcome === 'granted' ? 'granted' : 'left');
    return given;
  }
}

function stillHeld({ lease }: RecordedUser): boolean {
  return ['held', 'uncertain'].includes(lease.state);
}

async function recordedRenewals(
  store: LockStore,
  recorder: Recorder,
  requests: readonly RenewRequest[],
): Promise<RenewOutcome[]> {
  const { add, asked, shared } = recorder;
  // A hold without a call is one whose acquire has not returned yet; between two leases it is nobody's.
  const usersOf = (hold: object): RecordedUser[] =>
    recorder.usersOf(hold).filter(({ lease, whole, shares }) => {
      // Another name of its lease was lost, and with it this call; the hold is kept until its work has ended.
      if (whole !== lease && whole.state === 'lost') return false;
      return lease.state !== 'released' || (!shares && asked.get(hold) === Infinity);
    });
  const known = requests.map(({ hold }) => usersOf(hold));
  for (const { call } of known.flat()) add({ f: 'renew', type: 'invoke', call });
  const outcomes = await store.renew(requests);
  for (const [i, { hold }] of requests.entries())
    if (outcomes[i]?.outcome === 'lost') recorder.partLeft(hold);
  for (const [i, { hold }] of requests.entries()) {
    const outcome = outcomes[i];
    // Whose caller got it when this was on its way: one of several names, held and renewed while the others were waited for; or a reader
    // who joined the hold.
    const late = usersOf(hold).filter(
      (user) => stillHeld(user) && !known[i]!.includes(user) && (user.shares || known[i]!.length === 0),
    );
    for (const { call } of late) add({ f: 'renew', type: 'invoke', call });
    if (outcome === undefined) continue;
    // The token of this lease, not of the hold: it may have gone to the next one meanwhile.
    for (const { call, lease } of [...known[i]!, ...late]) {
      const { fencingToken: fence } = lease;
      if (outcome.outcome !== 'renewed') add({ f: 'renew', type: outcome.outcome, call });
      else add({ f: 'renew', type: 'ok', call, fence, deadlineMs: shared(outcome.deadlineMs) });
    }
  }
  return outcomes;
}
