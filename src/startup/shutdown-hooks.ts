import type { Logger } from '@nestjs/common';
import type { Clock } from '../../lib/index.js';

/** An application may call `enableShutdownHooks()` after `listen()`; give it the time to. */
const GRACE_MS = 1_000;

/**
 * Without `enableShutdownHooks()` a SIGTERM ends the process with its locks held, and others wait for the rest of the leases.
 *
 * Nest has no public word for whether hooks are enabled (11 and 12 keep it in private fields). `enableShutdownHooks` listens
 * to process signals, so when *nobody* listens to any of the usual ones, it was certainly not called; when somebody does, it may be the
 * application's own handler, and we say nothing. Tests close their applications themselves.
 */
export function warnWithoutShutdownHooks(
  clock: Clock,
  logger: Pick<Logger, 'warn'>,
  signal: AbortSignal,
): void {
  if (process.env['NODE_ENV'] === 'test' || signal.aborted) return;
  const check = () => {
    if (['SIGTERM', 'SIGINT'].some((name) => process.listenerCount(name) > 0)) return;
    logger.warn(
      'app.enableShutdownHooks() was not called: on SIGTERM this process would die with its locks held, and others would wait until the leases run out',
    );
  };
  const timer = clock.setTimer(GRACE_MS, check, { background: true });
  signal.addEventListener('abort', () => timer.cancel(), { once: true });
}
