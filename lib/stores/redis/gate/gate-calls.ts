import { type LockError, LockLostError } from '../../../lock-errors.js';
import { leaseDeadline } from '../../../runtime/clock.js';
import type { CallFailure } from '../../mechanics/tries.js';
import { foreignKey, isForeign } from '../redis-errors.js';
import type { RedisHold } from '../redis-hold.js';
import { gateKeys } from '../redis-keys.js';
import type { RedisLink, ScriptReply } from '../redis-link.js';
import { answerOf } from '../redis-wire.js';
import { isOfKind, kindError } from './gate-errors.js';
import { type GateScript, keysOf } from './gate-keys.js';

/** What single commands to the gate need of their store. */
export interface GateCaller {
  readonly link: RedisLink;
  readonly commandMs: number;
  /** How long the trace of a clean end stays, in ms. */
  readonly keepMs: number;
}

export interface GateAnswer {
  readonly answer: ScriptReply;
  readonly sentAtMs: number;
}

/**
 * One command to the gate of one name, which travels alone.
 *
 * @throws LockStoreError · LockUsageError when it is refused for its kind
 */
export async function callGate(
  { link, commandMs }: GateCaller,
  about: {
    readonly script: GateScript;
    readonly name: string;
    readonly stateKey: string;
    readonly once?: boolean;
  },
  args: readonly string[],
): Promise<GateAnswer> {
  const { script, name, stateKey, once = false } = about;
  const keys = keysOf(script, [gateKeys(stateKey)]);
  const call = { script, keys, args, lockName: name, boundMs: commandMs, once };
  const { reply, sentAtMs } = await link
    .call(call)
    .catch((failure: CallFailure) => Promise.reject(failure.error));
  const answer = answerOf(reply);
  if (isForeign(answer[0])) throw foreignKey(answer, stateKey, name);
  return { answer, sentAtMs };
}

const NOT_OURS = -1;

/** The answer of a command about a hold, which is lost when the store says so. @throws LockError */
export function aboutHold(hold: RedisHold, answer: ScriptReply): void {
  const refused: LockError | undefined = isOfKind(answer[0])
    ? kindError(answer, { name: hold.name })
    : undefined;
  if (refused !== undefined) throw refused;
  if (answer[0] === NOT_OURS) throw new LockLostError(hold.name, { cause: 'taken' });
}

/** @throws LockLostError · LockStoreError · LockUsageError */
export async function downgrade(caller: GateCaller, hold: RedisHold): Promise<void> {
  const about = { script: 'gate-downgrade', name: hold.name, stateKey: hold.keys.state } as const;
  const args = [String(caller.keepMs), hold.ownerToken, hold.lastUsed];
  const { answer } = await callGate(caller, about, args);
  aboutHold(hold, answer);
  hold.learn(String(answer[1]), String(answer[2]));
  hold.isAtGate = true;
}

/** @throws LockStoreError */
export async function setLimit(
  caller: GateCaller,
  about: { readonly name: string; readonly stateKey: string },
  limit: number | null,
): Promise<void> {
  const args = [String(caller.keepMs), limit === null ? '' : String(limit)];
  await callGate(caller, { script: 'gate-limit', ...about }, args);
}

/** When a hold that was answered with so many ms left ends by our clock. */
export function grantOf(hold: RedisHold, { answer, sentAtMs }: GateAnswer) {
  hold.learn(String(answer[1]), String(answer[2]));
  const leaseMs = Number(answer[3]);
  return { outcome: 'granted', hold, deadlineMs: leaseDeadline(sentAtMs, leaseMs), leaseMs } as const;
}
