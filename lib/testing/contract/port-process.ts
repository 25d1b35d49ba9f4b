import assert from 'node:assert/strict';
import type { LockLostError, LossCause } from '../../lock-errors.js';
import { Stop } from '../../runtime/stop-signal.js';
import type {
  Busy,
  Full,
  Grant,
  Hold,
  LockMode,
  LockStore,
  OnSent,
  RenewOutcome,
  StopSignal,
  StoreContext,
  YieldRequest,
} from '../../stores/lock-store.js';

/** How long a free name is remembered in these cases, in ms: short, because some wait for its end in real time. */
export const KEEP_MS = 400;
/** A lease that is not meant to end during a case. */
export const LONG_LEASE_MS = 30_000;
/** A queue that is not meant to be full. */
const MANY_PROCESSES = 10_000;

export interface AskOptions {
  ownerToken?: string;
  leaseMs?: number;
  label?: string;
  wait?: boolean;
  mode?: LockMode;
  limit?: number;
  weight?: number;
  maxWaitingProcesses?: number;
  signal?: StopSignal;
  /** Of a yield. */
  onSent?: OnSent;
}

/** Somebody in the store's queue. */
export interface Queued {
  readonly ownerToken: string;
  readonly answer: Promise<Grant>;
  cancel(reason?: unknown): void;
}

/**
 * More tokens than a store's clock allows: as if it had been set back since they were given out. What has to be above these cannot be
 * so by the clock alone.
 */
export const FAR = 60_000_000;

/** What the engine does for the local leases of a cohort. Gives the last token used. */
export function countOn(hold: Hold, tokens: number): number {
  hold.lastFencingToken += tokens;
  return hold.lastFencingToken;
}

/** The case looks at it later, or never if it fails before: no test runner may take that for a rejection nobody handles. */
export function lookedAtLater<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

type Told = Pick<StoreContext, 'prefix' | 'keepMs' | 'clock' | 'randomness'>;

/** A process that talks to its store without an engine between: each call of the port is one step of the case. */
export class PortProcess {
  /** What the store told without being asked. */
  readonly losses: {
    readonly ownerToken: string;
    readonly cause: LossCause;
    readonly note: string | undefined;
  }[] = [];
  /** Of all that it asks for: the engine's kind, of which any number may hear. */
  readonly #signal = new Stop();
  readonly #told: Told;

  constructor(
    readonly store: LockStore,
    private readonly until: (check: () => Promise<boolean>, what: string) => Promise<void>,
    told: Told,
  ) {
    this.#told = told;
    store.attach(this.context());
  }

  context(): StoreContext {
    return {
      ...this.#told,
      onLost: (ownerToken, cause, note) => void this.losses.push({ ownerToken, cause, note }),
      onWarning: () => undefined,
    };
  }

  newToken(): string {
    return this.#told.randomness.ownerToken();
  }

  ask(name: string, options: AskOptions = {}): Promise<Grant | Busy | Full> {
    return this.store.acquire(this.#request(name, options), options.signal ?? this.#signal);
  }

  /** Asks for a name that must be free. */
  async take(name: string, options: AskOptions = {}): Promise<Grant> {
    const answer = await this.ask(name, options);
    assert.equal(answer.outcome, 'granted', `${name} should have been free`);
    return answer;
  }

  /** Asks for a name that must be held by somebody else. */
  async findBusy(name: string, options: AskOptions = {}): Promise<Busy> {
    const answer = await this.ask(name, options);
    assert.equal(answer.outcome, 'busy', `${name} should have been held`);
    return answer;
  }

  /** Would wait for a name that already too many wait for. */
  async findFull(name: string, options: AskOptions): Promise<Full> {
    const asked = this.ask(name, { ...options, wait: true });
    let settled = false;
    const settle = () => void (settled = true);
    asked.then(settle, settle);
    await this.until(async () => settled, `a refusal: the queue of ${name} is full`);
    const answer = await asked;
    assert.equal(answer.outcome, 'full', `the queue of ${name} should have been full`);
    return answer;
  }

  /** Joins the queue of a name that is held, and resolves when it is in it. */
  async queue(name: string, options: AskOptions = {}): Promise<Queued> {
    const { waiting } = await this.store.inspect(name);
    const ownerToken = options.ownerToken ?? this.newToken();
    const cancelling = new AbortController();
    const asked = this.ask(name, { ...options, ownerToken, wait: true, signal: cancelling.signal });
    const answer = lookedAtLater(asked as Promise<Grant>);
    const isQueued = async () => (await this.store.inspect(name)).waiting > waiting;
    await this.until(isQueued, `a place in the queue of ${name}`);
    return { ownerToken, answer, cancel: (reason) => cancelling.abort(reason) };
  }

  /** Asks for a name and waits if it must. */
  async queueOrTake(name: string, options: AskOptions = {}): Promise<Pick<Queued, 'answer'>> {
    return { answer: lookedAtLater(this.ask(name, { ...options, wait: true }) as Promise<Grant>) };
  }

  /** Asks at the end of a slice; nobody else must wait. Gives the new deadline. */
  async keep(hold: Hold, options: AskOptions = {}): Promise<number> {
    const answer = await this.#yieldOrKeep(hold, this.#request(hold.name, { ...options, wait: true }));
    assert.equal(answer.outcome, 'kept', `nobody else waited for ${hold.name}`);
    return answer.deadlineMs;
  }

  /** Asks at the end of a slice; somebody must wait. Gives our new place. */
  async yield(hold: Hold, options: AskOptions = {}): Promise<Queued> {
    const cancelling = new AbortController();
    const signal = options.signal ?? cancelling.signal;
    const request = this.#request(hold.name, { ...options, wait: true });
    const answer = await this.#yieldOrKeep(hold, request, signal);
    assert.equal(answer.outcome, 'yielded', `somebody else waited for ${hold.name}`);
    return {
      ownerToken: request.ownerToken,
      answer: answer.granted,
      cancel: (reason) => cancelling.abort(reason),
    };
  }

  /** Asks at the end of a slice with a hold that is not ours any more. */
  async findLost(hold: Hold): Promise<void> {
    const { outcome } = await this.#yieldOrKeep(hold, this.#request(hold.name, { wait: true }));
    assert.equal(outcome, 'refused', `${hold.name} was not ours any more`);
  }

  /** Asks for an upgrade, at most once or until it is cancelled. */
  upgrade(hold: Hold, options: AskOptions = {}): Promise<Grant | Busy> {
    const { wait = false, signal = this.#signal } = options;
    const answer = this.store.upgrade?.(hold, { wait }, signal);
    assert.ok(answer, 'this case needs a store with upgrade');
    return lookedAtLater(answer);
  }

  async downgrade(hold: Hold): Promise<'downgraded' | 'refused'> {
    try {
      await this.store.downgrade?.(hold);
      return 'downgraded';
    } catch (error) {
      assert.equal((error as LockLostError).code, 'LOCK_LOST');
      return 'refused';
    }
  }

  async renew(hold: Hold, leaseMs = LONG_LEASE_MS): Promise<RenewOutcome['outcome']> {
    const [outcome] = await this.store.renew([{ hold, leaseMs }]);
    assert.ok(outcome, 'one renewal was asked for, none was answered');
    return outcome.outcome;
  }

  async release(hold: Hold): Promise<'released' | 'refused'> {
    return (await this.store.release(hold)).outcome;
  }

  async waiting(name: string): Promise<number> {
    return (await this.store.inspect(name)).waiting;
  }

  #request(name: string, options: AskOptions): YieldRequest {
    return {
      name,
      ownerToken: options.ownerToken ?? this.newToken(),
      leaseMs: options.leaseMs ?? LONG_LEASE_MS,
      mode: options.mode ?? 'exclusive',
      limit: options.limit,
      weight: options.weight,
      label: options.label ?? '',
      wait: options.wait ?? false,
      maxWaitingProcesses: options.maxWaitingProcesses ?? MANY_PROCESSES,
      onSent: options.onSent,
    };
  }

  async #yieldOrKeep(hold: Hold, request: YieldRequest, signal: StopSignal = this.#signal) {
    const answer = await this.store.yieldOrKeep?.(hold, request, signal);
    assert.ok(answer, 'this case needs a store with yieldOrKeep');
    if (answer.outcome === 'yielded') void lookedAtLater(answer.granted);
    return answer;
  }

  async close(): Promise<void> {
    await this.store.stopGranting();
    this.#signal.abort(new Error('this process is closed'));
    await this.store.close();
  }
}
