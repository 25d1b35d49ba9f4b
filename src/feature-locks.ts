import type {
  AcquireOptions,
  Lease,
  LockInspection,
  LockNames,
  NamedLock,
  TryUsingResult,
} from '../lib/index.js';
import type { LockService } from './lock.service.js';

/**
 * Locks of one feature module, by hand: the methods of {@link LockService}, with the prefix of `DistributedLockModule.forFeature({ prefix })`
 * before every name, as `@Locked` has it in that module. What comes back has the whole name (`lease.name`, errors, events).
 */
export class FeatureLocks {
  /** @internal Made by DistributedLockModule.forFeature. */
  constructor(
    private readonly locks: LockService,
    /** As given to `forFeature`. */
    readonly prefix: string,
  ) {}

  /** The whole name, for what is not here: `locks.held()`, events, another module. */
  name(name: string): string {
    return featureName(this.prefix, name);
  }

  /** As `LockService.acquire`. */
  acquire(name: LockNames, options?: AcquireOptions): Promise<Lease> {
    return this.locks.acquire(this.#names(name), options);
  }

  /** As `LockService.tryAcquire`. */
  tryAcquire(name: LockNames, options?: Omit<AcquireOptions, 'waitMs'>): Promise<Lease | null> {
    return this.locks.tryAcquire(this.#names(name), options);
  }

  /** As `LockService.using`. */
  using<T>(
    name: LockNames,
    work: (lease: Lease) => T | PromiseLike<T>,
    options?: AcquireOptions,
  ): Promise<T> {
    return this.locks.using(this.#names(name), work, options);
  }

  /** As `LockService.tryUsing`. */
  tryUsing<T>(
    name: LockNames,
    work: (lease: Lease) => T | PromiseLike<T>,
    options?: Omit<AcquireOptions, 'waitMs'>,
  ): Promise<TryUsingResult<T>> {
    return this.locks.tryUsing(this.#names(name), work, options);
  }

  /** As `LockService.inspect`. */
  inspect(name: string): Promise<LockInspection> {
    return this.locks.inspect(this.name(name));
  }

  /** As `LockService.isLocked`. */
  isLocked(name: string): Promise<boolean> {
    return this.locks.isLocked(this.name(name));
  }

  /** Names that are wrong are passed on as they are: the engine says what is wrong with them. */
  #names(given: LockNames): LockNames {
    if (typeof given === 'string') return this.name(given);
    if (!Array.isArray(given)) return given;
    return (given as readonly (string | NamedLock)[]).map((one) => {
      if (typeof one === 'string') return this.name(one);
      return typeof one?.name === 'string' ? { ...one, name: this.name(one.name) } : one;
    });
  }
}

/** An empty name stays empty, so that it is refused as ever. */
export function featureName(prefix: string, name: string): string {
  return typeof name === 'string' && name.trim() !== '' ? `${prefix}:${name}` : name;
}
