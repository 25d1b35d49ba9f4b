import type { DynamicModule, Provider } from '@nestjs/common';
import {
  type AcquireOptions,
  describeValue,
  type Lease,
  type LockNames,
  LockUsageError,
  memoryStore,
} from '../../lib/index.js';
import type { DistributedLockOptions, LockServiceSettings } from '../distributed-lock.module-options.js';
import { DistributedLockModule } from '../distributed-lock.module.js';
import { LockService, type ServiceRegistry } from '../lock.service.js';
import { DEFAULT_SERVICE, LOCK_REGISTRY, LOCK_SETTINGS, lockServiceToken } from '../lock.tokens.js';
import { type OverridableBuilder, overrideOptions } from './overridable-builder.js';

export interface NoLocksOptions {
  /** The names of the lock services of the application; default `['default']`. */
  services?: readonly string[];
}

const NOTICE =
  'NoLocks: nothing is locked in this application. What its tests show holds without locks only; use TestLocks to test with them.';
/** So many at once that nobody ever waits. */
const NO_LIMIT = 1_000_000_000;

/**
 * A double that locks nothing, for tests which are not about locks: names, options and templates are checked as ever, `@CurrentLease()` is
 * given a lease, and nobody waits, is refused or excluded. It says so once per process, as a warning of Node (`LOCKS_NOTHING`).
 * Every lock is a limit of a billion to it: `lease.mode` says so, and `lease.upgrade()` is a LockUsageError.
 */
export class NoLocks {
  readonly #services: readonly string[];

  /** @throws LockUsageError for services that are no list of names */
  constructor({ services = [DEFAULT_SERVICE] }: NoLocksOptions = {}) {
    if (!Array.isArray(services) || services.length === 0) {
      throw new LockUsageError(
        'LOCK_OPTIONS_INVALID',
        `new NoLocks({ services }): services must be a list of names, got ${describeValue(services)}`,
      );
    }
    this.#services = services;
  }

  /** For `imports`, in the place of `DistributedLockModule.forRoot(…)`. */
  module(): DynamicModule {
    const module = DistributedLockModule.forRootAsync({ useFactory: moduleOptions });
    const providers = (): Provider[] => [
      ...(module.providers ?? []),
      { provide: lockServiceToken(DEFAULT_SERVICE), ...SERVICE },
    ];
    // A property stays one that is read late: see DistributedLockModule.
    const late = { providers: { get: providers, enumerable: true } };
    return Object.defineProperties(
      { module: DistributedLockModule },
      { ...Object.getOwnPropertyDescriptors(module), ...late },
    );
  }

  /** Takes the locks out of an application that imports `DistributedLockModule.forRoot(…)` somewhere itself. */
  replaceIn<Builder extends OverridableBuilder>(builder: Builder): Builder {
    overrideOptions(builder, moduleOptions);
    for (const name of this.#services) builder.overrideProvider(lockServiceToken(name)).useFactory(OVERRIDE);
    return builder;
  }
}

function moduleOptions(): DistributedLockOptions {
  return { store: memoryStore(), drainMs: 0 };
}

class UnlockedService extends LockService {
  static #hasSaidSo = false;

  constructor(settings: LockServiceSettings, registry: ServiceRegistry) {
    super(settings, registry);
    if (UnlockedService.#hasSaidSo) return;
    UnlockedService.#hasSaidSo = true;
    process.emitWarning(NOTICE, { code: 'LOCKS_NOTHING' });
  }

  override acquire(name: LockNames, options?: AcquireOptions): Promise<Lease> {
    return this.detached(() => super.acquire(name, unlimited(options)));
  }

  override tryAcquire(name: LockNames, options?: Omit<AcquireOptions, 'waitMs'>): Promise<Lease | null> {
    return this.detached(() => super.tryAcquire(name, unlimited(options)));
  }
}

/** What is no object is refused by the engine, as ever. */
function unlimited(options: AcquireOptions | undefined): AcquireOptions {
  if (options !== undefined && (typeof options !== 'object' || options === null)) return options;
  return { ...options, mode: 'exclusive', limit: NO_LIMIT, weight: 1 };
}

const factory = (settings: LockServiceSettings, registry: ServiceRegistry): LockService =>
  new UnlockedService(settings, registry);
const inject = [LOCK_SETTINGS, LOCK_REGISTRY];
const SERVICE = { useFactory: factory, inject };
const OVERRIDE = { factory, inject };
