// over budget: one story, each part of which needs what the others have written down
import { createHash } from 'node:crypto';
import type { Lease } from '../../lib/holding/lease.js';
import type {
  Busy,
  Full,
  Grant,
  Hold,
  LockStore,
  OnSent,
  RenewOutcome,
  RenewRequest,
  YieldRequest,
} from '../../lib/stores/lock-store.js';
import {
  type Happening,
  type HeldKind,
  type HistoryEvent,
  mergeHistories,
} from '../support/history/check-history.js';
import { type Answer, type AskToEnd, countSent, type Coverage, noCoverage } from './coverage.js';
import { JointRule } from './joint-rule.js';
import { LayerRule } from './layer-rule.js';
import { type Asked, type Beginning, type Note, settled } from './place-notes.js';
import type { SimulatedProcess } from './simulated-process.js';
import type { SiblingSlip } from './siblings.js';
import { SliceRule } from './slice-rule.js';
import type { VirtualWorld } from './virtual-world.js';
import { single } from '../support/single-lease.js';

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
  readonly coverage: Coverage = noCoverage();
  readonly slices = new SliceRule();
  readonly joint = new JointRule(this.coverage);
  readonly layers = new LayerRule(this.coverage);
  readonly siblings: SiblingSlip[] = [];
  readonly #events: HistoryEvent[] = [];
  /** By owner token: whose the hold is now. One call's after another where it is handed on inside a process; of several that share it. */
  readonly #users = new Map<string, { readonly call: string; readonly lease: Lease }[]>();
  /** How each call has its name. */
  readonly kindOf = new Map<string, HeldKind>();
  /** By name, a token that was granted last. */
  readonly tokens = new Map<string, number>();
  /** Calls that got their lease from another one of their process, without a word from the store; the last one of each owner token. */
  readonly handedOn = new Set<string>();
  /** Calls whose release was answered without a word from the store, or after one that may have been about an earlier try. */
  readonly unsure = new Set<string>();
  /** Calls whose hold was somebody else's when the store was asked to end it, or was ended by force, perhaps after they handed it on. */
  readonly refused = new Set<string>();
  readonly #usersOf = new Map<string, string[]>();
  /** Releases that are not answered yet: has the store been asked? */
  readonly #releasing = new Map<string, boolean>();
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
    if (happening.f === 'release') this.#release(happening);
    if (happening.f === 'acquire' && happening.type === 'invoke')
      this.kindOf.set(happening.call, happening.kind ?? 'exclusive');
    if (happening.f === 'acquire' && 'code' in happening && happening.code === 'LOCK_QUEUE_FULL')
      this.coverage.fullHere += 1;
    this.#events.push({ ...happening, p: process.id, seq: this.#seq++, atMs: process.nowMs });
  }

  /** As `begin`, of a lease on several names: a call for each. */
  beginAll(process: SimulatedProcess, calls: ReadonlyMap<string, string>, lease: Lease): void {
    const { signal } = lease;
    if (calls.size > 1) this.coverage.joint += 1;
    for (const [name, call] of calls) {
      const part = lease.partOn(name)!;
      // A part may have been ours for a while, when the others were waited for.
      this.begin(process, { call, lease: part, signal, agoMs: lease.waitedMs - part.waitedMs });
    }
    signal.addEventListener('abort', () => {
      if (lease.names.some((name) => lease.partOn(name)?.isOver === false)) this.coverage.jointLost += 1;
    });
  }

  /** From now on everything about this lease belongs to this call. `signal` tells its loss. */
  begin(process: SimulatedProcess, { call, lease, signal = lease.signal, agoMs = 0 }: Beginning): void {
    const { name, fencingToken: fence } = lease;
    const known = single(lease);
    const deadlineMs = process.toWorldMs(known.deadlineMs);
    const { ownerToken } = known.hold;
    const users = this.#usersOf.get(ownerToken) ?? [];
    // Whoever had it before may have given it back before it had all that it wanted: then only the token tells.
    const kind = this.kindOf.get(call);
    if (users.length > 0 || fence !== known.hold.fencingToken) {
      if (kind === 'shared') this.coverage.readerJoined += 1;
      else if (kind === 'limited') this.coverage.permitHandedOn += 1;
      else this.coverage.handOffs += 1;
      this.handedOn.add(call);
      this.slices.handedOn(process, { call, ownerToken, agoMs });
    }
    this.slices.used(process, call, fence);
    this.#usersOf.set(ownerToken, [...users, call]);
    this.#users.set(ownerToken, [...(this.#users.get(ownerToken) ?? []), { call, lease }]);
    this.tokens.set(name, fence);
    this.record(process, { f: 'acquire', type: 'ok', call, name, fence, deadlineMs });
    for (let i = 0; i < (this.#renewing.get(ownerToken) ?? 0); i++)
      this.record(process, { f: 'renew', type: 'invoke', call });
    signal.addEventListener('abort', () => {
      if (this.#released.has(call)) return; // a refused release says so too, but its section had ended before
      this.#ended(call);
      const { cause } = signal.reason as { cause: string };
      if (cause === 'forced') for (const one of [...users, call]) this.refused.add(one);
      this.record(process, { f: 'lost', call, cause, deadlineMs: process.toWorldMs(known.deadlineMs) });
    });
  }

  /** A lease was upgraded, or is about to be downgraded. */
  changed(
    process: SimulatedProcess,
    { call, kind, fence, askedAtMs }: { call: string; kind: HeldKind; fence: number; askedAtMs: number },
  ): void {
    if (this.#released.has(call)) return;
    this.kindOf.set(call, kind);
    this.record(process, { f: 'mode', call, kind, fence, askedAtMs });
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
    observed.release = (hold, onSent) => this.#ending(hold, onSent, (told) => store.release(hold, told));
    if (store.yieldOrKeep !== undefined)
      observed.yieldOrKeep = (hold, request, signal) =>
        this.#yield(process, store, { hold, request, signal });
    observed.forceRelease = (name, reason, token) => store.forceRelease(name, reason, token);
    observed.upgrade = (hold, request, signal) => store.upgrade!(hold, request, signal);
    observed.downgrade = (hold) => store.downgrade!(hold);
    observed.setLimit = (name, limit) => store.setLimit!(name, limit);
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

  #release({ type, call }: Extract<Happening, { readonly f: 'release' }>): void {
    this.#ended(call);
    if (type === 'invoke') {
      this.#releasing.set(call, false);
      return;
    }
    if (this.#releasing.get(call) === false) this.unsure.add(call);
    this.#releasing.delete(call);
  }

  /** The store is asked to end a hold. */
  async #ending<T extends Answer>(hold: Hold, onSent: OnSent | undefined, ask: AskToEnd<T>): Promise<T> {
    const call = this.#usersOf.get(hold.ownerToken)?.at(-1) ?? '';
    if (this.#releasing.has(call)) this.#releasing.set(call, true);
    const answer = await countSent(this.coverage, onSent, ask);
    if (answer.outcome === 'refused') this.refused.add(call);
    if ('ambiguous' in answer && answer.ambiguous === true) this.unsure.add(call);
    return answer;
  }

  #ended(call: string): void {
    this.#released.add(call);
    for (const [ownerToken, users] of this.#users) {
      const others = users.filter((user) => user.call !== call);
      if (others.length === 0) this.#users.delete(ownerToken);
      else if (others.length < users.length) this.#users.set(ownerToken, others);
    }
  }

  async #acquire(process: SimulatedProcess, store: LockStore, asked: Asked): Promise<Grant | Busy | Full> {
    if (!asked.request.wait) {
      this.ownerOf.set(asked.request.ownerToken, process);
      const answer = await store.acquire(asked.request, asked.signal);
      this.slices.begin(process, asked.request.ownerToken);
      return answer;
    }
    const { request, note } = this.#place(process, asked);
    note('ask');
    return settled(store.acquire(request, asked.signal), note);
  }

  /** The same request, with what becomes of its place in the queue written down. */
  #place(process: SimulatedProcess, { request }: Asked): { request: YieldRequest; note: Note } {
    const { ownerToken: place, name, mode, limit } = request;
    const kind = limit === undefined ? mode : 'limited';
    this.ownerOf.set(place, process);
    const note: Note = (type) => {
      if (type === 'full') this.coverage.fullInStore += 1;
      if (type === 'granted') this.slices.begin(process, place);
      this.record(process, { f: 'place', type: type === 'full' ? 'left' : type, place, name, kind });
    };
    const waiting: YieldRequest = {
      ...request,
      onWaiting: (news) => {
        if (news.error === undefined) note('queued');
        request.onWaiting?.(news);
      },
    };
    return { request: waiting, note };
  }

  async #yield(process: SimulatedProcess, store: LockStore, asked: Asked & { readonly hold: Hold }) {
    const { request, note } = this.#place(process, asked);
    const { hold, signal } = asked;
    note('ask');
    try {
      const answer = await this.#ending(hold, request.onSent, (onSent) =>
        store.yieldOrKeep!(hold, { ...request, onSent }, signal),
      );
      this.coverage[answer.outcome] += 1;
      if (answer.outcome === 'yielded') {
        const granted = settled(answer.granted, note);
        granted.catch(() => undefined);
        return { ...answer, granted };
      }
      if (answer.outcome === 'kept') this.slices.begin(process, hold.ownerToken);
      note('left');
      return answer;
    } catch (error) {
      this.coverage.failed += 1;
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
      for (const { call, lease } of this.#users.get(ownerToken) ?? []) {
        if (outcome.outcome === 'renewed') {
          const fence = lease.fencingToken;
          const deadlineMs = process.toWorldMs(outcome.deadlineMs);
          this.record(process, { f: 'renew', type: 'ok', call, fence, deadlineMs });
        } else this.record(process, { f: 'renew', type: outcome.outcome, call });
      }
    }
    return outcomes;
  }

  #countRenewals(process: SimulatedProcess, ownerToken: string, by: 1 | -1): void {
    this.#renewing.set(ownerToken, (this.#renewing.get(ownerToken) ?? 0) + by);
    if (by === -1) return;
    for (const { call } of this.#users.get(ownerToken) ?? [])
      this.record(process, { f: 'renew', type: 'invoke', call });
  }
}
