import { randomUUID } from 'node:crypto';
import type { DynamicModule } from '@nestjs/common';
import {
  canonicalName,
  describeValue,
  type Hold,
  type LockStore,
  LockUsageError,
  memoryStore,
  Stop,
} from '../../lib/index.js';
import { ManualClock } from '../../lib/testing/index.js';
import type { DistributedLockExtras, DistributedLockOptions } from '../distributed-lock.module-options.js';
import { DistributedLockModule } from '../distributed-lock.module.js';
import { DEFAULT_SERVICE } from '../lock.tokens.js';
import { activeServices } from '../startup/active-services.js';
import { type OverridableBuilder, overrideOptions } from './overridable-builder.js';

/** Options of the module, without those that say where the locks are. */
export interface TestLocksOptions extends Omit<
  DistributedLockOptions,
  'redis' | 'store' | 'startup' | 'clock'
> {
  /** A clock that several of your doubles share; default: one of its own. */
  clock?: ManualClock;
}

export interface HoldElsewhereOptions {
  /** In ms; default 30 days. It is not renewed: advance the clock by it, and the other process has died. */
  leaseMs?: number;
  /** Stand in the queue when somebody has the lock, instead of an error; default false. */
  wait?: boolean;
  /** Which lock service, when an application has several; default 'default'. */
  service?: string;
}

/** A lock as another process has it. */
export interface HeldElsewhere extends AsyncDisposable {
  readonly name: string;
  readonly fencingToken: number;
  /** Whoever waits is next. Idempotent. */
  release(): Promise<void>;
}

const LONGEST_LEASE_MS = 30 * 86_400_000;

/**
 * Locks for the tests of an application: the real ones, in memory, on a clock that the test moves, with other processes and lost locks
 * on demand. One may serve many applications, one after the other or at once; each begins with no lock held.
 *
 * @example
 * const locks = new TestLocks();
 * const module = await locks.replaceIn(Test.createTestingModule({ imports: [AppModule] })).compile();
 * await locks.holdElsewhere('group:42');
 */
export class TestLocks {
  /** Leases, waits and renewals of the application go by it: `await locks.clock.advanceAsync(30_000)`. */
  readonly clock: ManualClock;
  readonly #options: DistributedLockOptions;
  #stores: LockStore[] = [];

  /** @param options as of `forRoot`; `drainMs` is 0 here unless given, because nobody moves the clock while a test closes its application */
  constructor(options: TestLocksOptions = {}) {
    const { clock = new ManualClock(), ...others } = options;
    this.clock = clock;
    this.#options = { drainMs: 0, ...others };
  }

  /** For `imports`, in the place of `DistributedLockModule.forRoot(…)`. */
  module(extras: DistributedLockExtras = {}): DynamicModule {
    return DistributedLockModule.forRootAsync({ ...extras, useFactory: () => this.#moduleOptions() });
  }

  /**
   * Takes the place of Redis in an application that imports `DistributedLockModule.forRoot(…)` somewhere itself. What was given there is not
   * used: its defaults (`leaseMs`, `prefix`, …) belong into the options of this class when a test depends on them.
   */
  replaceIn<Builder extends OverridableBuilder>(builder: Builder): Builder {
    overrideOptions(builder, () => this.#moduleOptions());
    return builder;
  }

  /**
   * Another process has the lock from now on: callers of the application wait, or are told that it is busy.
   *
   * @throws LockUsageError when somebody has it already (unless `wait`), no application with these locks is there, or the name is invalid
   */
  async holdElsewhere(name: string, options: HoldElsewhereOptions = {}): Promise<HeldElsewhere> {
    const { leaseMs = LONGEST_LEASE_MS, wait = false, service } = options;
    const canonical = canonicalName(name);
    const store = await this.#store(`holdElsewhere(${describeValue(name)})`, service);
    const answer = await store.acquire(
      {
        name: canonical,
        ownerToken: randomUUID().replaceAll('-', ''),
        leaseMs,
        mode: 'exclusive',
        label: 'elsewhere',
        wait,
        maxWaitingProcesses: 10_000,
      },
      new Stop(),
    );
    if (answer.outcome !== 'granted') {
      const { label } = await store.inspect(canonical);
      throw usage(
        `holdElsewhere(${describeValue(name)}): ${label === '' ? 'somebody' : label} has it; release it first, or { wait: true }`,
      );
    }
    return elsewhere(store, answer.hold);
  }

  /**
   * Whoever has the lock loses it at once, as when an operator ends it: `lease.signal` aborts, `lease.state` is 'lost', the call ends with
   * LOCK_LOST (cause 'forced'), and the next one is granted.
   *
   * @throws LockUsageError when nobody has it, or no application with these locks is there
   */
  async loseLock(name: string, { service }: { service?: string } = {}): Promise<void> {
    const place = `loseLock(${describeValue(name)})`;
    const store = await this.#store(place, service);
    const forced = await store.forceRelease(canonicalName(name), 'lost by the test');
    if (forced === null) {
      throw usage(`${place}: nobody has it; wait until the section has begun, or correct the name`);
    }
  }

  #moduleOptions(): DistributedLockOptions {
    const store = memoryStore();
    this.#stores.push(store);
    return { ...this.#options, store, clock: this.clock };
  }

  async #store(place: string, service?: string): Promise<LockStore> {
    const serving: LockStore[] = [];
    for (const store of this.#stores) if (await serves(store)) serving.push(store);
    this.#stores = serving;
    const named = activeServices(service ?? DEFAULT_SERVICE).map(({ settings }) => settings.manager.store);
    const chosen =
      serving.length === 1 && service === undefined
        ? serving
        : serving.filter((store) => named.includes(store));
    const [store] = chosen;
    if (store !== undefined && chosen.length === 1) return store;
    throw usage(
      chosen.length === 0
        ? `${place}: no application has these locks; give it locks.module() or locks.replaceIn(builder), and compile it first`
        : `${place}: ${chosen.length} applications have these locks; close one, or give each a TestLocks of its own`,
    );
  }
}

async function serves(store: LockStore): Promise<boolean> {
  try {
    await store.ready();
    return true;
  } catch {
    return false; // its application is closed, or did not start
  }
}

function elsewhere(store: LockStore, hold: Hold): HeldElsewhere {
  const release = async (): Promise<void> => {
    if (await serves(store)) await store.release(hold);
  };
  const { name, fencingToken } = hold;
  return { name, fencingToken, release, [Symbol.asyncDispose]: release };
}

function usage(message: string): LockUsageError {
  return new LockUsageError('LOCK_OPTIONS_INVALID', message);
}
