import { recogniseCopies } from './runtime/process-wide.js';
import { type AccessMode, isIntention } from './stores/lock-modes.js';
import { describeValue, redactPasswords, redactUrls } from './shown-text.js';

export { describeKind, describeValue, keepSecret, redactPasswords } from './shown-text.js';

/**
 * Four kinds of error, so that a caller can tell «somebody has it», «we had it and lost it», «the store failed» and «this
 * call is wrong» apart without reading messages. Each has a stable `code`. No error carries an owner token or a password:
 * errors of a store client are reduced to their name, code and message by {@link redactedCause}. `instanceof` is also true for errors
 * of another copy of this package in the same process.
 */
export abstract class LockError extends Error {
  /** Written out in each class: a minifier gives classes other names. */
  abstract override readonly name: string;
  /** Stable, for programs; the message is for people and may change. */
  abstract readonly code: LockErrorCode;
  /** The name as the caller gave it; undefined when the error is not about one lock. */
  readonly lockName: string | undefined;
  /** May the same call, made again later, succeed? */
  abstract readonly retryable: boolean;

  protected constructor(message: string, details: { lockName?: string | undefined; cause?: unknown }) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.lockName = details.lockName;
  }
}
recogniseCopies(LockError, 'LockError');

export type LockErrorCode = LockBusyCode | 'LOCK_LOST' | LockStoreCode | LockUsageCode;

export type LockBusyCode = 'LOCK_BUSY' | 'LOCK_QUEUE_FULL';

/** Someone else has the lock and the caller's `waitMs` ran out (LOCK_BUSY), or too many wait already (LOCK_QUEUE_FULL). Expected under contention. */
export class LockBusyError extends LockError {
  override readonly name: string = 'LockBusyError';
  readonly code: LockBusyCode;
  readonly retryable = true;
  /** A hint: how long the present holder's lease still runs, in ms; it may be released sooner or renewed. */
  readonly retryAfterMs: number;

  constructor(lockName: string, details: { message?: string; retryAfterMs: number; code?: LockBusyCode }) {
    super(details.message ?? `lock "${lockName}" is held by someone else`, { lockName });
    this.code = details.code ?? 'LOCK_BUSY';
    this.retryAfterMs = details.retryAfterMs;
  }
}
recogniseCopies(LockBusyError, 'LockBusyError');

/** So many wait for the name already that one more would only make everybody slower. */
export function queueFullError(lockName: string, who: string, retryAfterMs: number): LockBusyError {
  const message = `lock "${lockName}" is held by someone else and ${who} wait for it already, the most that may (maxWaiters, maxWaitingProcesses)`;
  return new LockBusyError(lockName, { code: 'LOCK_QUEUE_FULL', message, retryAfterMs });
}

/**
 * Why a lease ended before its release:
 * `expired` its deadline passed without a renewal · `taken` the store says that it is not ours · `forced` somebody called
 * `forceRelease` · `shutdown` `close()` ran out of `drainMs` · `held-too-long` it reached `maxHoldMs`.
 */
export type LossCause = 'expired' | 'taken' | 'forced' | 'shutdown' | 'held-too-long';

const LOSS_SENTENCES: Record<LossCause, string> = {
  expired: 'its lease ran out before a renewal was confirmed',
  taken: 'the store says that it is no longer ours',
  forced: 'it was released by force',
  shutdown: 'this process is shutting down',
  'held-too-long': 'it was held longer than maxHoldMs',
};

/**
 * We had the lock and lost it. The work may have run beside somebody else's: do not take its outcome for granted, and let
 * the resource check the fencing token.
 */
export class LockLostError extends LockError {
  override readonly name: string = 'LockLostError';
  readonly code = 'LOCK_LOST';
  readonly retryable = false;
  declare readonly cause: LossCause;
  /** What the work returned, when it ended after the loss. */
  result?: unknown;
  /** What the work threw, when it failed after the loss (the caller of `using` gets that error, not this one). */
  reason?: unknown;

  constructor(lockName: string, details: { cause: LossCause; note?: string }) {
    const note = details.note === undefined ? '' : ` (${details.note})`;
    super(`lock "${lockName}" was lost: ${LOSS_SENTENCES[details.cause]}${note}`, {
      lockName,
      cause: details.cause,
    });
  }
}
recogniseCopies(LockLostError, 'LockLostError');

export type LockStoreCode =
  | 'LOCK_STORE_UNAVAILABLE'
  | 'LOCK_STORE_READONLY'
  | 'LOCK_STORE_UNSUPPORTED'
  | 'LOCK_KEY_CONFLICT'
  | 'LOCK_CLOSED';

const RETRYABLE_STORE_CODES: ReadonlySet<LockStoreCode> = new Set([
  'LOCK_STORE_UNAVAILABLE',
  'LOCK_STORE_READONLY',
]);

/**
 * The store failed or refused, or this manager is closing. Nothing is known to be locked by this call. A password of a URL in the message
 * is not kept, for stores of others.
 */
export class LockStoreError extends LockError {
  override readonly name: string = 'LockStoreError';
  readonly code: LockStoreCode;
  readonly retryable: boolean;

  constructor(
    code: LockStoreCode,
    message: string,
    details: { lockName?: string | undefined; cause?: unknown } = {},
  ) {
    super(redactUrls(message), { lockName: details.lockName, cause: redactedCause(details.cause) });
    this.code = code;
    this.retryable = RETRYABLE_STORE_CODES.has(code);
  }
}
recogniseCopies(LockStoreError, 'LockStoreError');

/** What every call gets once `close()` was called. */
export function closedError(): LockStoreError {
  const message = 'this lock manager is closed or closing; a process that is leaving takes no more locks';
  return new LockStoreError('LOCK_CLOSED', message);
}

/** The machine slept while the grant was on its way, for longer than the lease, and the store did not answer when asked again. */
export function unconfirmedError(lockName: string): LockStoreError {
  const message = `lock "${lockName}" was granted, but its lease may have run out while this machine slept, and the store did not confirm it`;
  return new LockStoreError('LOCK_STORE_UNAVAILABLE', message, { lockName });
}

export function noLimits(lockName: string, kind: string): LockStoreError {
  const message = `the store "${kind}" has no limits, which setLimit("${lockName}") needs`;
  return new LockStoreError('LOCK_STORE_UNSUPPORTED', message, { lockName });
}

export type LockUsageCode =
  | 'LOCK_NAME_INVALID'
  | 'LOCK_LEASE_INVALID'
  | 'LOCK_OPTIONS_INVALID'
  | 'LOCK_TEMPLATE_INVALID'
  | 'LOCK_TEMPLATE_UNRESOLVED'
  | 'LOCK_TEMPLATE_FORBIDDEN'
  | 'LOCK_REENTRANT'
  | 'LOCK_SEVERAL_NAMES'
  | 'LOCK_RELEASED'
  | 'LOCK_TOPOLOGY';

/** The call is wrong and will be wrong again: the message names the value received, the place and the fix. */
export class LockUsageError extends LockError {
  override readonly name: string = 'LockUsageError';
  readonly code: LockUsageCode;
  readonly retryable = false;

  constructor(
    code: LockUsageCode,
    message: string,
    details: { lockName?: string | undefined; cause?: unknown } = {},
  ) {
    super(message, { lockName: details.lockName, cause: redactedCause(details.cause) });
    this.code = code;
  }
}
recogniseCopies(LockUsageError, 'LockUsageError');

/** What `attach` of a store throws. @param factory for the remedy: `memoryStore()` */
export function alreadyServes(store: string, factory: string): LockUsageError {
  const message =
    `${store} already serves a lock manager that has not been closed; close that one first (in Nest: await app.close()), or give each a store ` +
    `of its own: ${factory} in useFactory of forRootAsync, which runs for each application, where forRoot({ store }) runs once`;
  return new LockUsageError('LOCK_OPTIONS_INVALID', message);
}

/** With `reentrant: false`. */
export function reentrantError(lockName: string): LockUsageError {
  const message = `lock "${lockName}" is already held by this call chain and would wait for itself; pass the lease on, use another name, or leave out reentrant: false`;
  return new LockUsageError('LOCK_REENTRANT', message, { lockName });
}

/** A call chain asks for more than it holds, and would wait for itself. */
export function weakerError(lockName: string, held: AccessMode, asked: AccessMode | 'limit'): LockUsageError {
  // Nobody asks for an intention mode by its name.
  const wanted =
    asked !== 'limit' && isIntention(asked) ? 'a lock below it that is not shared' : `'${asked}'`;
  const message = isIntention(held)
    ? `a lock below "${lockName}" is held by this call chain, and ${wanted} from inside of it would wait for itself; take "${lockName}" first, and what is below it from inside`
    : `lock "${lockName}" is held with mode: '${held}' by this call chain, and ${wanted} from inside of it would wait for itself; take it with mode: 'upgradeable' and call lease.upgrade(), or take as much as is needed from the start`;
  return new LockUsageError('LOCK_REENTRANT', message, { lockName });
}

/** A call chain asks for more of a limit than its permit is, and would wait for itself. */
export function smallerPermitError(lockName: string, weight: number): LockUsageError {
  const message = `lock "${lockName}" is held by this call chain with a permit of weight ${weight}, and more than that from inside of it would wait for itself; take as much as is needed from the start`;
  return new LockUsageError('LOCK_REENTRANT', message, { lockName });
}

/** A lease is asked to become what it cannot become. */
export function modeError(lockName: string, verb: 'upgrade' | 'downgrade', mode: string): LockUsageError {
  const why =
    mode === 'shared' && verb === 'upgrade'
      ? "is shared, and two readers who both upgrade would wait for each other; acquire it with mode: 'upgradeable', which one at a time can have beside the readers"
      : `is ${mode} already`;
  return new LockUsageError('LOCK_OPTIONS_INVALID', `${verb}: the lease on "${lockName}" ${why}`, {
    lockName,
  });
}

export function reentrantDowngradeError(lockName: string, why: string): LockUsageError {
  return new LockUsageError('LOCK_REENTRANT', `the lease on "${lockName}" cannot be downgraded: ${why}`, {
    lockName,
  });
}

/** What `assertHeld` throws after the release. */
export function releasedError(lockName: string): LockUsageError {
  const message = `the lease on "${lockName}" was released; acquire again before the next step`;
  return new LockUsageError('LOCK_RELEASED', message, { lockName });
}

/** What `assertHeld` throws while nobody can tell. */
export function uncertainError(lockName: string): LockStoreError {
  const message = `it is uncertain whether lock "${lockName}" is still held; a renewal is under way`;
  return new LockStoreError('LOCK_STORE_UNAVAILABLE', message, { lockName });
}

/**
 * A store client's error carries the command with its arguments (ioredis: `err.command.args`), so printing it would print
 * owner tokens, and a connection error may carry a URL with a password. Keep what helps, drop the rest.
 */
export function redactedCause(cause: unknown): unknown {
  if (cause === undefined || cause instanceof LockError) return cause;
  if (typeof cause !== 'object' || cause === null) return redactPasswords(describeValue(cause));
  const { name, message, code } = cause as { name?: unknown; message?: unknown; code?: unknown };
  const safe = new Error(
    redactPasswords(typeof message === 'string' ? message : 'an error without a message'),
  );
  safe.name = typeof name === 'string' ? name : 'Error';
  if (typeof code === 'string') Object.assign(safe, { code });
  delete safe.stack; // it would show where it was copied, not where it arose
  return safe;
}
