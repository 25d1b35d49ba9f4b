import { LockStoreError } from '../../lock-errors.js';
import type { ForcedRelease, StoreInspection } from '../lock-store.js';
import type { CallFailure } from '../mechanics/tries.js';
import { withoutNul } from './postgres-calls.js';
import { pinnedError, storeError } from './postgres-errors.js';
import type { FunctionCall, PostgresLink } from './postgres-link.js';

/** The name that an operator asks about. */
export interface Asked {
  readonly name: string;
  readonly key: string;
}

interface Caller {
  readonly link: PostgresLink;
  readonly commandMs: number;
}

/** A NOTIFY has room for 8 000 bytes. */
const LONGEST_REASON = 1_000;

export async function forceRelease(
  caller: Caller,
  asked: Asked,
  { keepMs, reason, fencingToken }: { keepMs: number; reason: string; fencingToken: number | undefined },
): Promise<ForcedRelease | null> {
  const answer = await call(caller, asked, {
    name: 'force_v1',
    values: [
      asked.key,
      String(keepMs),
      withoutNul(reason).slice(0, LONGEST_REASON),
      fencingToken === undefined ? null : String(fencingToken),
    ],
    once: true, // repeated, it would end the next holder too
  });
  if (answer === null) return null;
  if (answer === '"pinned"') throw storeError(pinnedError(), `force of "${asked.name}"`, asked.name);
  const { fence, label } = JSON.parse(answer) as { fence: string; label: string };
  return { fencingToken: Number(fence), label };
}

interface Told {
  readonly waiting: number;
  readonly fence?: string;
  readonly granted_us: string;
  readonly left_ms: number;
  readonly label: string;
}

export async function inspect(caller: Caller, asked: Asked): Promise<StoreInspection> {
  const answer = await call(caller, asked, { name: 'inspect_v1', values: [asked.key] });
  if (answer === null)
    throw new LockStoreError('LOCK_STORE_UNAVAILABLE', `inspect of "${asked.name}": no answer`, {
      lockName: asked.name,
    });
  const told = JSON.parse(answer) as Told;
  const { waiting, fence } = told;
  if (fence === undefined)
    return { held: false, heldSinceMs: null, remainingMs: null, fencingToken: null, label: null, waiting };
  return {
    held: true,
    heldSinceMs: Number(told.granted_us) / 1_000,
    remainingMs: told.left_ms,
    fencingToken: Number(fence),
    label: told.label,
    waiting,
  };
}

/** @throws LockStoreError */
async function call(
  { link, commandMs }: Caller,
  { name }: Asked,
  request: Pick<FunctionCall, 'name' | 'values' | 'once'>,
): Promise<string | null> {
  const { answer } = await link
    .call({ ...request, lockName: name, boundMs: commandMs })
    .catch((failure: CallFailure) => Promise.reject(failure.error));
  return answer;
}
