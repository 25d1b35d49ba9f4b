export {
  type AcquireOptions,
  Lease,
  type LeaseState,
  LockBusyError,
  type LockBusyCode,
  LockError,
  type LockErrorCode,
  type LockEventListener,
  type LockEventName,
  type LockEvents,
  LockLostError,
  LockManager,
  type LockManagerOptions,
  lockName,
  type LockNames,
  type LockStore,
  LockStoreError,
  type LockStoreCode,
  LockUsageError,
  type LockUsageCode,
  type LossCause,
  memoryStore,
  type MemoryStoreOptions,
  type NamedLock,
  redisStore,
  type RedisStoreOptions,
} from '../lib/index.js';
export { CurrentLease } from './decorators/current-lease.decorator.js';
export type {
  DistributedLockExtras,
  DistributedLockOptions,
  DistributedLockOptionsFactory,
  LockFeatureOptions,
} from './distributed-lock.module-options.js';
export { DistributedLockModule } from './distributed-lock.module.js';
export { FeatureLocks } from './feature-locks.js';
export { InjectLockService } from './decorators/inject-lock-service.decorator.js';
export { LockExceptionFilter } from './transports/lock-exception.filter.js';
export { LockInterceptor } from './call/lock.interceptor.js';
export { LockKey } from './decorators/lock-key.decorator.js';
export type { LockProblem } from './transports/http/lock-problem.js';
export { LockService } from './lock.service.js';
export { lockServiceToken } from './lock.tokens.js';
export type { BusyFallback, LockCondition, LockedDecorator } from './decorators/decorator-types.js';
export { Locked } from './decorators/locked.decorator.js';
export type { LockedOptions } from './decorators/locked-options.js';
export { NotLocked } from './decorators/not-locked.decorator.js';
