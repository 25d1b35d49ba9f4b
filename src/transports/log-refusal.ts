import type { Logger } from '@nestjs/common';
import { LockError } from '../../lib/index.js';
import { publicAnswerTo } from './public-answer.js';
import type { Refusal } from './transport.js';

/** A message that nobody waits for an answer to. */
export interface DroppedEvent {
  /** `OrdersController.onPaid` */
  readonly handler: string;
}

/**
 * Clients are told in general words only, so what went wrong on our side is said here, once. That somebody else has the lock is nothing
 * wrong; but an event that is dropped for it would be a secret without a line.
 */
export function logRefusal(
  logger: Pick<Logger, 'error' | 'warn'>,
  error: Refusal,
  dropped?: DroppedEvent,
): void {
  if (!(error instanceof LockError)) return;
  const { status } = publicAnswerTo(error);
  const { message, code } = error;
  if (status === 500) logger.error(message, error.stack, { code });
  else if (dropped !== undefined)
    logger.warn(`${dropped.handler} did not run, and its event is dropped: ${message}`, { code });
  else if (status > 500) logger.warn(message, { code });
}
