import { leaseDeadline } from '../../runtime/clock.js';
import { strongest } from '../lock-modes.js';
import type { AccessMode, AcquireRequest, Grant, HeldMode, Hold, StoreInspection } from '../lock-store.js';
import type { Access } from '../mechanics/admission.js';
import type { Member } from './memory-waiter.js';

/** One who has the name. */
export interface Holder extends Access {
  readonly member: Member;
  /** The one the engine has: what it counts on is known here at once. */
  readonly hold: Hold & { fencingToken: number };
  readonly leaseMs: number;
  readonly heldSinceMs: number;
  /** Monotonic. */
  readonly grantedAtMs: number;
  mode: AccessMode;
  label: string;
  /** Monotonic: when the name may be given to somebody else. */
  endsAtMs: number;
  /** Monotonic: until when the holder may believe; earlier than `endsAtMs`. */
  deadlineMs: number;
}

/** A lease is only ever made longer. */
export function lengthen(holder: Holder, leaseMs: number, nowMs: number): void {
  holder.endsAtMs = Math.max(holder.endsAtMs, nowMs + leaseMs);
  holder.deadlineMs = Math.max(holder.deadlineMs, leaseDeadline(nowMs, leaseMs));
}

export function grantOf({ hold, deadlineMs, leaseMs, limit }: Holder, inForce?: number): Grant {
  const grant: Grant = { outcome: 'granted', hold, deadlineMs, leaseMs };
  return limit === undefined || inForce === undefined || inForce === limit
    ? grant
    : { ...grant, limit: inForce };
}

/** What a release before the least time leaves: taken until then, by nobody. */
export function restOf(holder: Holder): Holder | undefined {
  const { hold, grantedAtMs } = holder;
  if (hold.minHoldMs === undefined) return undefined;
  // No owner token is like this.
  const nobodys = { ...hold, ownerToken: `!${hold.ownerToken.slice(1)}` };
  return { ...holder, hold: nobodys, endsAtMs: grantedAtMs + hold.minHoldMs };
}

/** The place of one who waits for its upgrade. */
export function placeOf({ hold, leaseMs, label }: Holder): AcquireRequest {
  const { name, ownerToken } = hold;
  return { name, ownerToken, leaseMs, label, mode: 'exclusive', wait: true, maxWaitingProcesses: 1 };
}

/** Was this token issued under the hold, also to a lease that it was handed on to? */
export function issued({ hold, mode }: Holder, fencingToken: number): boolean {
  if (mode !== 'exclusive') return fencingToken === hold.fencingToken; // only an exclusive hold counts on
  return fencingToken >= hold.fencingToken && fencingToken <= hold.lastFencingToken;
}

/** All holders of a name, oldest first, as an operator sees them. */
export function inspectionOf(
  holders: readonly Holder[],
  { nowMs, waiting, limit }: { nowMs: number; waiting: number; limit: number | null },
): StoreInspection {
  const told = holders.map(({ label, mode, limit: asked, weight = 1, heldSinceMs, endsAtMs, hold }) => ({
    label,
    mode: asked === undefined ? mode : ('limited' as HeldMode),
    weight,
    heldSinceMs,
    remainingMs: endsAtMs - nowMs,
    fencingToken: hold.fencingToken,
  }));
  const [first] = told;
  return {
    held: first !== undefined,
    heldSinceMs: first?.heldSinceMs ?? null,
    remainingMs: first?.remainingMs ?? null,
    fencingToken: first?.fencingToken ?? null,
    label: first?.label ?? null,
    mode: strongest(told.map(({ mode }) => mode)) ?? null,
    holders: told,
    limit,
    waiting,
  };
}
