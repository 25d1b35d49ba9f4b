import assert from 'node:assert/strict';
import type { LossCause } from '../../lock-errors.js';
import type {
  AcquireRequest,
  Busy,
  Grant,
  Hold,
  LockStore,
  RenewOutcome,
  StoreContext,
} from '../../stores/lock-store.js';

/** How long a free name is remembered in these cases, in ms: short, because some wait for its end in real time. */
export const KEEP_MS = 400;
/** A lease that is not meant to end during a case. */
export const LONG_LEASE_MS = 30_000;

export interface AskOptions {
  ownerToken?: string;
  leaseMs?: number;
  label?: string;
  wait?: boolean;
  signal?: AbortSignal;
}

/** Somebody in the store's queue. */
export interface Queued {
  readonly ownerToken: string;
  readonly answer: Promise<Grant>;
  cancel(reason?: unknown): void;
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
  readonly #signal = new AbortController();
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

  ask(name: string, options: AskOptions = {}): Promise<Grant | Busy> {
    const request: AcquireRequest = {
      name,
      ownerToken: options.ownerToken ?? this.newToken(),
      leaseMs: options.leaseMs ?? LONG_LEASE_MS,
      mode: 'exclusive',
      label: options.label ?? '',
      wait: options.wait ?? false,
    };
    return this.store.acquire(request, options.signal ?? this.#signal.signal);
  }

  /** Asks for a name that must be free. */
  async take(name: string, options: AskOptions = {}): Promise<Grant> {
    const answer = await this.ask(name, options);
    assert.equal(answer.outcome, 'granted', `${name} should have been free`);
    return answer;
  }

  /** Asks for a name that must be held by somebody else. */
  async findBusy(name: string): Promise<Busy> {
    const answer = await this.ask(name);
    assert.equal(answer.outcome, 'busy', `${name} should have been held`);
    return answer;
  }

  /** Joins the queue of a name that is held, and resolves when it is in it. */
  async queue(name: string, options: AskOptions = {}): Promise<Queued> {
    const { waiting } = await this.store.inspect(name);
    const ownerToken = options.ownerToken ?? this.newToken();
    const cancelling = new AbortController();
    const asked = this.ask(name, { ...options, ownerToken, wait: true, signal: cancelling.signal });
    const answer = asked as Promise<Grant>;
    answer.catch(() => undefined); // the case looks at it later, or never
    const isQueued = async () => (await this.store.inspect(name)).waiting > waiting;
    await this.until(isQueued, `a place in the queue of ${name}`);
    return { ownerToken, answer, cancel: (reason) => cancelling.abort(reason) };
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

  async close(): Promise<void> {
    await this.store.stopGranting();
    this.#signal.abort();
    await this.store.close();
  }
}
