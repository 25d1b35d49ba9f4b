export { type Clock, systemClock, type Timer, type TimerOptions } from './runtime/clock.js';
export type { Work } from './holding/lease-work.js';
export type { UpgradeOptions } from './holding/mode-changes.js';
export { Lease } from './holding/lease.js';
export type { LeaseState } from './holding/lease-keeper.js';
export {
  describeKind,
  describeValue,
  LockBusyError,
  type LockBusyCode,
  LockError,
  type LockErrorCode,
  LockLostError,
  LockStoreError,
  type LockStoreCode,
  LockUsageError,
  type LockUsageCode,
  type LossCause,
  redactPasswords,
} from './lock-errors.js';
export { currentNote, runWithNote } from './holding/lock-frames.js';
export type {
  LeaseEvent,
  LockEventListener,
  LockEventName,
  LockEvents,
  RefusalReason,
  RefusedEvent,
} from './lock-events.js';
export type { HeldLock, LockHolder, LockInspection, TryUsingResult } from './lock-answers.js';
export { LockManager } from './lock-manager.js';
export { isAbove } from './layers.js';
export { isIntention } from './stores/lock-modes.js';
export { canonicalName, encodeNameValue, lockName } from './lock-name.js';
export { type LockNames, MAX_NAMES, type NamedLock } from './several-names.js';
export { type AcquireOptions, CALL_OPTIONS, checkAcquireOptions } from './acquire-options.js';
export { checkStore, type LockManagerOptions } from './lock-options.js';
export { COPY_FORMAT, copySymbol, processWide, recogniseCopies, takeBrands } from './runtime/process-wide.js';
export { type Randomness, systemRandomness } from './runtime/owner-token.js';
export { Stop } from './runtime/stop-signal.js';
export type {
  AcquireRequest,
  Busy,
  ForcedRelease,
  Full,
  Grant,
  HeldMode,
  Hold,
  HolderInspection,
  Kept,
  AccessMode,
  LockMode,
  LockStore,
  OnSent,
  Refused,
  ReleaseOutcome,
  RenewOutcome,
  RenewRequest,
  StopSignal,
  StoreCapabilities,
  StoreContext,
  StoreInspection,
  UpgradeRequest,
  WaitingNews,
  Yielded,
  YieldRequest,
} from './stores/lock-store.js';
export { memoryStore, type MemoryStoreOptions } from './stores/memory/memory-store.js';
export { redisStore, type RedisStoreOptions } from './stores/redis/redis-store.js';
