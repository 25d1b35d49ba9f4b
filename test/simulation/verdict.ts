import {
  type Bounds,
  checkHistory,
  measureHistory,
  type Violation,
} from '../support/history/check-history.js';
import { type Fault, type FaultKind, staysExclusive } from './fault-plan.js';
import { clockBackMs } from './injector.js';
import type { Recorder } from './recorder.js';
import { heldBesideAnother } from './sleeper-rule.js';

/** Under what conditions the history of a schedule came about. */
export interface Conditions {
  readonly faults: readonly Fault[];
  readonly longestLeaseMs: number;
  readonly forceful: boolean;
  readonly joint: boolean;
}

export interface Verdict {
  readonly violations: Violation[];
  readonly acquisitions: number;
  /** After everything was healed: how long a name was waited for and held by nobody. */
  readonly worstIdleMs: number;
  readonly worstWaitMs: number;
  /** Two that believed, outside the bounds of exclusion. */
  readonly overlaps: number;
}

/** includes/promote.lua */
export const FIRST_LEASE_MS = 5_000;
/** Where nothing goes wrong nobody waits for a poll; but for one after a lease that ran out. Names that are held for others are not seen. */
const FAIR_IDLE_MS = 500;
/** A busy machine tells a loss and ends a wait late, by so much at most. */
const SLOW_LOOP_MS = 1_500;
const USUAL_LATENESS_MS = 250;

export function has(faults: readonly Fault[], ...kinds: readonly FaultKind[]): boolean {
  return faults.some(({ kind }) => kinds.includes(kind));
}

export function judge(recorder: Recorder, conditions: Conditions): Verdict {
  const history = recorder.history();
  const { faults, forceful } = conditions;
  const bounds = boundsOf(conditions);
  const { acquisitions, worstIdleMs, worstWaitMs, overlaps } = measureHistory(history, bounds);
  const violations = checkHistory(history, bounds)
    .filter((violation) => isPromised(violation, faults))
    .filter((violation) => (bounds.exclusive && !forceful) || !isOfStaleHold(violation, recorder));
  // Deadlines stand still while a machine sleeps, so there exclusion is about what leases said at each reading.
  const isOut = forceful || has(faults, 'storeDataLoss', 'storeClockForward', 'wallStep');
  if (has(faults, 'sleep') && !isOut) violations.push(...heldBesideAnother(history, recorder.readings));
  return {
    violations,
    acquisitions,
    worstIdleMs,
    worstWaitMs,
    overlaps: bounds.exclusive ? 0 : overlaps,
  };
}

function boundsOf({ faults, longestLeaseMs, forceful, joint }: Conditions): Bounds {
  const latenessMs = has(faults, 'slowLoop') ? SLOW_LOOP_MS : USUAL_LATENESS_MS;
  return {
    exclusive: staysExclusive(faults),
    // Ended by force a moment after its grant, a holder may hear of it after the next one does.
    ordered: faults.length === 0 && !forceful,
    idleMs:
      faults.length === 0 && !joint
        ? FAIR_IDLE_MS
        : longestLeaseMs + FIRST_LEASE_MS + 1_000 + clockBackMs(faults),
    settleMs: latenessMs,
    tellMs: latenessMs,
  };
}

/** Rules that docs/guarantees.md restricts under some faults. */
function isPromised({ rule, message }: Violation, faults: readonly Fault[]): boolean {
  // A token is the store's time: set back, and with the trace of the last holder run out, it begins anew below.
  if (rule === 'M2') return !has(faults, 'storeClockBack');
  // A deadline stands still while the machine sleeps: see sleeper-rule.ts for what is promised then.
  if (rule === 'M4') return !has(faults, 'sleep');
  // Who came after whom is told by tokens: see M2.
  if (rule === 'M5' && has(faults, 'storeClockBack') && has(faults, 'storeDataLoss'))
    return !message.includes(' although ');
  // Nobody can see a sleep that a wall clock set back hides.
  if (rule === 'M5') return !(has(faults, 'sleep') && has(faults, 'wallStep'));
  return true;
}

/**
 * Where exclusion is not promised, a process may hand a hold on that is its own no more, until it asks the store at the end of its
 * slice. Such a lease has a token that is too small for the resource, and its release says what the process believed. So does one that
 * was repeated after a lost reply and then refused. And whoever was ended by force when its grant was still on its way believes until
 * it is told.
 */
function isOfStaleHold({ rule, message }: Violation, { handedOn, unsure, refused }: Recorder): boolean {
  const [call = ''] = message.split(' ', 1);
  const others = (/ beside (\S+) /.exec(message)?.[1] ?? '').split(',');
  if (rule === 'M1') return [call, ...others].some((one) => handedOn.has(one) || refused.has(one));
  if (rule === 'M2') return (handedOn.has(call) || refused.has(call)) && message.includes(' and got ');
  return rule === 'M5' && unsure.has(call) && message.includes('was told "released" although');
}
