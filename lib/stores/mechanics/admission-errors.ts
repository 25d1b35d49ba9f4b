import { LockUsageError } from '../../lock-errors.js';
import { isIntention } from '../lock-modes.js';
import type { Access } from './admission.js';

/** The same words on every store, for a request that it can refuse only when it looks at the name. */

/** One name is asked for with a limit and with readers at once, see `excludesUse`. */
export function otherUseError(name: string, { mode, limit }: Access): LockUsageError {
  const plainly = isIntention(mode) ? 'a lock below it (layers)' : `mode: '${mode}'`;
  const [asked, present] = limit === undefined ? [plainly, 'a limit'] : ['a limit', 'readers'];
  const message = `lock "${name}" is used with ${present} at this moment, so it cannot be taken with ${asked}; one name has readers and writers, or a limit: use another name, or the same options everywhere`;
  return new LockUsageError('LOCK_OPTIONS_INVALID', message, { lockName: name });
}

/** It could never be granted. */
export function tooHeavyError(
  { name, weight }: { name: string; weight: number },
  limit: number,
): LockUsageError {
  const message = `lock "${name}": weight must be at most the limit in force, ${limit}, got ${weight}; ask for less, or raise the limit (setLimit)`;
  return new LockUsageError('LOCK_OPTIONS_INVALID', message, { lockName: name });
}
