import { type LockError, LockStoreError, LockUsageError } from '../../../lock-errors.js';
import type { AcquireRequest } from '../../lock-store.js';
import type { ScriptReply } from '../redis-link.js';

/** Detours: the other script answers this request. */
export const ASK_GATE = -11;
export const ASK_PLAINLY = -12;
/** Why a request was refused for its kind. */
const OLDER_RELEASE = -13;
const OTHER_KIND = -14;
const TOO_HEAVY = -15;

export function isOfKind(code: unknown): boolean {
  return code === OLDER_RELEASE || code === OTHER_KIND || code === TOO_HEAVY;
}

/** The error for such an answer. */
export function kindError(
  [code, what]: ScriptReply,
  request: Pick<AcquireRequest, 'name' | 'weight'>,
): LockError {
  const { name, weight = 1 } = request;
  if (code === OLDER_RELEASE) return olderRelease(name);
  if (code === TOO_HEAVY) {
    const text = `weight ${weight} for lock "${name}" is above its limit ${String(what)}, so it could never be granted; ask for less, or raise the limit (setLimit)`;
    return new LockUsageError('LOCK_OPTIONS_INVALID', text, { lockName: name });
  }
  const [present, asked] = what === 'l' ? ['a limit', 'shared'] : ['shared', 'a limit'];
  const text = `lock "${name}" is in use with ${present}, so it cannot be asked for with ${asked}: one name has one kind; use another name, or the same options everywhere`;
  return new LockUsageError('LOCK_OPTIONS_INVALID', text, { lockName: name });
}

function olderRelease(name: string): LockStoreError {
  const text = `lock "${name}" is held or waited for by a process of an older release, which knows exclusive locks only; nothing was locked: finish the update of all processes`;
  return new LockStoreError('LOCK_STORE_UNSUPPORTED', text, { lockName: name });
}
