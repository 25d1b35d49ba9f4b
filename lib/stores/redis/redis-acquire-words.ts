import type { LockError } from '../../lock-errors.js';
import type { AcquireRequest } from '../lock-store.js';
import { isOfKind, kindError } from './gate/gate-errors.js';
import { foreignKey, isForeign } from './redis-errors.js';
import type { ScriptReply } from './redis-link.js';
import { milliseconds } from './redis-wire.js';

/** A ticket that is not there yet. */
export const NEW_TICKET = '0'.repeat(16);

/** Terms of acquire.lua. */
export function plainTerms(
  { leaseMs, wait, maxWaitingProcesses }: Pick<AcquireRequest, 'leaseMs' | 'wait' | 'maxWaitingProcesses'>,
  ticket: string,
): string {
  return milliseconds(leaseMs) + (wait ? 'w' : '-') + ticket + milliseconds(maxWaitingProcesses);
}

/** Why such an answer ends an acquisition with an error; undefined: it does not. */
export function refusalIn(answer: ScriptReply, key: string, request: AcquireRequest): LockError | undefined {
  const [code] = answer;
  if (isForeign(code)) return foreignKey(answer, key, request.name);
  return isOfKind(code) ? kindError(answer, request) : undefined;
}
