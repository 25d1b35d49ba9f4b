import type { ForcedRelease, StoreInspection } from '../lock-store.js';
import type { CallFailure } from '../mechanics/tries.js';
import { answerOf } from './redis-wire.js';
import { foreignKey, isForeign } from './redis-errors.js';
import type { LockKeys } from './redis-keys.js';
import type { RedisLink, ScriptReply } from './redis-link.js';

/** What operators ask of one name: each travels alone. */
export interface OperatorCommand {
  readonly script: 'force' | 'inspect';
  readonly args: readonly string[];
  /** Repeated, it would not answer the same. */
  readonly once?: boolean;
}

type Call = (command: OperatorCommand) => Promise<ScriptReply>;

export async function forceRelease(
  call: Call,
  { keepMs, reason }: { readonly keepMs: number; readonly reason: string },
): Promise<ForcedRelease | null> {
  const once = true; // repeated, it would end the next holder too
  const [code, fence, label] = await call({ script: 'force', args: [String(keepMs), reason], once });
  return code === 0 ? null : { fencingToken: Number(fence), label: String(label) };
}

export async function inspect(call: Call): Promise<StoreInspection> {
  const [waiting, fence, grantedUs, remainingMs, label] = await call({ script: 'inspect', args: [] });
  const free = { held: false, heldSinceMs: null, remainingMs: null, fencingToken: null, label: null };
  if (fence === undefined) return { ...free, waiting: Number(waiting) };
  return {
    held: true,
    heldSinceMs: Number(grantedUs) / 1_000,
    remainingMs: Number(remainingMs),
    fencingToken: Number(fence),
    label: String(label),
    waiting: Number(waiting),
  };
}

/** @throws LockStoreError */
export async function callForOperator(
  link: RedisLink,
  { script, args, once }: OperatorCommand,
  about: { readonly name: string; readonly keys: LockKeys; readonly boundMs: number },
): Promise<ScriptReply> {
  const { name, boundMs } = about;
  const { state, queue } = about.keys;
  const call = { script, keys: [state, queue], args, lockName: name, boundMs, once: once === true };
  const { reply } = await link.call(call).catch((failure: CallFailure) => Promise.reject(failure.error));
  const answer = answerOf(reply);
  if (isForeign(answer[0])) throw foreignKey(answer, state, name);
  return answer;
}
