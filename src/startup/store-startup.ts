import type { Logger } from '@nestjs/common';
import {
  type Clock,
  LockError,
  type LockManager,
  LockStoreError,
  LockUsageError,
  redactPasswords,
  type TimerOptions,
} from '../../lib/index.js';

const PATIENCE_MS = 10_000;
const RETRY_MS = 500;
const BACKGROUND_RETRY_MS = 5_000;

export interface StoreStartup {
  /** Without password. */
  readonly address: string;
  readonly startup: 'require' | 'background';
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'log' | 'warn'>;
  /** Aborts when the application shuts down. */
  readonly signal: AbortSignal;
}

/**
 * 'require': resolves when the store serves; rejects after 10 s, or at once when waiting cannot help (no permission, wrong
 * version). 'background': resolves at once and goes on trying until the store serves.
 */
export async function waitForStore(locks: Pick<LockManager, 'ready'>, startup: StoreStartup): Promise<void> {
  if (startup.startup === 'background') {
    void connectInBackground(locks, startup);
    return;
  }
  const { clock } = startup;
  const untilMs = clock.monotonicMs() + PATIENCE_MS;
  for (;;) {
    const failure = await readyWithin(locks, clock, untilMs - clock.monotonicMs());
    if (failure === undefined) return;
    const givesUp =
      failure === 'no answer' || !failure.retryable || clock.monotonicMs() + RETRY_MS >= untilMs;
    if (givesUp || startup.signal.aborted) throw startupError(startup, failure);
    await elapsed(clock, RETRY_MS, { signal: startup.signal });
  }
}

async function readyWithin(locks: Pick<LockManager, 'ready'>, clock: Clock, limitMs: number) {
  const answered = new AbortController();
  const silence = elapsed(clock, limitMs, { signal: answered.signal }).then(() => 'no answer' as const);
  try {
    return await Promise.race([tryReady(locks), silence]);
  } finally {
    answered.abort(); // or its timer would keep the process alive
  }
}

async function connectInBackground(locks: Pick<LockManager, 'ready'>, startup: StoreStartup): Promise<void> {
  const { clock, logger, address, signal } = startup;
  for (let attempt = 1; !signal.aborted; attempt++) {
    const failure = await tryReady(locks);
    if (failure === undefined) {
      if (attempt > 1) logger.log(`connected to the lock store at ${address}`);
      return;
    }
    if (signal.aborted) return;
    if (attempt === 1) {
      logger.warn(
        `started without the lock store at ${address} (${failure.message}): locked calls fail with ${failure.code} until ${failure.retryable ? 'it is there' : 'that is mended'}`,
      );
    }
    await elapsed(clock, BACKGROUND_RETRY_MS, { signal, background: true });
  }
}

/** undefined: the store serves. */
async function tryReady(locks: Pick<LockManager, 'ready'>): Promise<LockError | undefined> {
  try {
    await locks.ready();
    return undefined;
  } catch (error) {
    if (error instanceof LockError) return error;
    return new LockStoreError('LOCK_STORE_UNAVAILABLE', redactPasswords(String(error)), { cause: error });
  }
}

function startupError({ address }: StoreStartup, failure: LockError | 'no answer'): LockError {
  const isSilent = failure === 'no answer';
  const reason = isSilent ? failure : failure.message;
  const waited = isSilent || failure.retryable ? ` within ${PATIENCE_MS / 1_000} s` : '';
  const sentence = `DistributedLockModule: the lock store at ${address} cannot serve${waited}: ${reason}${/[.?!]$/.test(reason) ? '' : '.'}`;
  const message = `${sentence}${remedy(failure)}`;
  if (isSilent) return new LockStoreError('LOCK_STORE_UNAVAILABLE', message);
  const details = { cause: failure };
  if (failure instanceof LockUsageError) return new LockUsageError(failure.code, message, details);
  const code = failure instanceof LockStoreError ? failure.code : 'LOCK_STORE_UNAVAILABLE';
  return new LockStoreError(code, message, details);
}

/** Where waiting cannot help, the reason says what to change. */
function remedy(failure: LockError | 'no answer'): string {
  if (failure !== 'no answer' && !failure.retryable) return '';
  const { code } = ((failure as LockError).cause ?? {}) as { code?: unknown };
  const start = code === 'ECONNREFUSED' ? 'Start it (for example: redis-server --port 6379), set' : 'Set';
  return ` ${start} REDIS_URL or the option \`redis\` to where it is, or start without it with startup: 'background'`;
}

/** Resolves after `delayMs`, or when the signal aborts. */
function elapsed(
  clock: Clock,
  delayMs: number,
  options: TimerOptions & { signal: AbortSignal },
): Promise<void> {
  const { signal } = options;
  return new Promise((resolve) => {
    const finish = () => {
      timer.cancel();
      signal.removeEventListener('abort', finish);
      resolve();
    };
    const timer = clock.setTimer(Math.max(0, delayMs), finish, options);
    if (signal.aborted) finish();
    else signal.addEventListener('abort', finish, { once: true });
  });
}
