import { type LockError, LockStoreError } from '../../../lock-errors.js';
import type { AcquireRequest, AccessMode } from '../../lock-store.js';
import { otherUseError, tooHeavyError } from '../../mechanics/admission-errors.js';
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
  request: Pick<AcquireRequest, 'name' | 'weight'> & { readonly mode?: AccessMode },
): LockError {
  const { name, weight = 1, mode = 'shared' } = request;
  if (code === OLDER_RELEASE) return olderRelease(name);
  if (code === TOO_HEAVY) return tooHeavyError({ name, weight }, Number(what));
  return otherUseError(name, what === 'l' ? { mode } : { mode: 'exclusive', limit: weight });
}

function olderRelease(name: string): LockStoreError {
  const text = `lock "${name}" is held or waited for by a process of an older release, which knows exclusive locks only; nothing was locked: finish the update of all processes`;
  return new LockStoreError('LOCK_STORE_UNSUPPORTED', text, { lockName: name });
}
