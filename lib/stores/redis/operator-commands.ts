import { strongest } from '../lock-modes.js';
import type { ForcedRelease, HolderInspection, StoreInspection } from '../lock-store.js';
import { callGate, type GateCaller } from './gate/gate-calls.js';
import { ASK_GATE, ASK_PLAINLY } from './gate/gate-errors.js';
import { nameOfMode } from './gate/gate-kind.js';
import type { CallFailure } from '../mechanics/tries.js';
import { answerOf } from './redis-wire.js';
import { foreignKey, isForeign } from './redis-errors.js';
import { withQueue } from './redis-keys.js';
import type { ScriptReply } from './redis-link.js';

/** The name that an operator asks about. */
export interface Asked {
  readonly name: string;
  readonly stateKey: string;
}

/** What operators ask of one name: each travels alone. Repeated, it would not answer the same when it must go `once`. */
interface OperatorCommand {
  readonly args: readonly string[];
  readonly once?: boolean;
}

export async function forceRelease(
  caller: GateCaller,
  asked: Asked,
  { reason, fencingToken }: { readonly reason: string; readonly fencingToken: number | undefined },
): Promise<ForcedRelease | null> {
  const only = fencingToken === undefined ? '' : String(fencingToken).padStart(16, '0');
  const once = true; // repeated, it would end the next holder too
  const { answer } = await call('force', caller, {
    asked,
    args: [String(caller.keepMs), reason, only],
    once,
  });
  const [code, fence, label] = answer;
  return code === 0 ? null : { fencingToken: Number(fence), label: String(label) };
}

const FREE = { held: false, heldSinceMs: null, remainingMs: null, fencingToken: null, label: null } as const;

export async function inspect(caller: GateCaller, asked: Asked): Promise<StoreInspection> {
  const { answer, isAtGate } = await call('inspect', caller, { asked, args: [] });
  const [waiting, ...held] = answer;
  const limit = isAtGate && Number(held[0]) > 0 ? Number(held[0]) : null;
  const holders = isAtGate ? held.slice(1).map((each) => holderAt(each as ScriptReply)) : plainHolder(held);
  const [first] = holders;
  const told = { waiting: Number(waiting), holders, limit };
  if (first === undefined) return { ...FREE, ...told, mode: null };
  const { weight: _, ...its } = first;
  return { held: true, ...its, ...told, mode: strongest(holders.map(({ mode }) => mode)) ?? null };
}

function holderAt([mode, weight, fence, grantedUs, leftMs, label]: ScriptReply): HolderInspection {
  return {
    label: String(label),
    heldSinceMs: Number(grantedUs) / 1_000,
    remainingMs: Number(leftMs),
    fencingToken: Number(fence),
    mode: nameOfMode(String(mode)),
    weight: Number(weight),
  };
}

/** Of format 1. */
function plainHolder(held: ScriptReply): HolderInspection[] {
  return held.length === 0 ? [] : [holderAt(['x', 1, ...held])];
}

type Call = OperatorCommand & { readonly asked: Asked };

/** Asks in format 1, and where the name is shared at the gate; and again, as long as it is opened or closed in between. */
async function call(
  script: 'force' | 'inspect',
  caller: GateCaller,
  command: Call,
): Promise<{ readonly answer: ScriptReply; readonly isAtGate: boolean }> {
  const { asked, args, once = false } = command;
  for (;;) {
    const plain = await callPlainly(script, caller, command);
    if (plain[0] !== ASK_GATE) return { answer: plain, isAtGate: false };
    const { answer } = await callGate(caller, { script: `gate-${script}`, ...asked, once }, args);
    if (answer[0] !== ASK_PLAINLY) return { answer, isAtGate: true };
  }
}

/** @throws LockStoreError */
async function callPlainly(
  script: 'force' | 'inspect',
  { link, commandMs }: GateCaller,
  { asked: { name, stateKey }, args, once = false }: Call,
): Promise<ScriptReply> {
  const { state, queue } = withQueue(stateKey);
  const request = { script, keys: [state, queue], args, lockName: name, boundMs: commandMs, once };
  const { reply } = await link.call(request).catch((failure: CallFailure) => Promise.reject(failure.error));
  const answer = answerOf(reply);
  if (isForeign(answer[0])) throw foreignKey(answer, state, name);
  return answer;
}
