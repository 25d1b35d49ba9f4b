import type { OnSent } from '../../lib/stores/lock-store.js';

/** How often something happened without which a run of schedules would prove little. */
export interface Coverage {
  /** A lease on a hold that was handed on inside its process. */
  handOffs: number;
  /** Yields, by their outcome; `failed`: no answer. */
  kept: number;
  yielded: number;
  refused: number;
  failed: number;
  /** Releases and yields whose caller went on while they were on their way; of these the refused, and those without an answer. */
  sent: number;
  sentRefused: number;
  sentFailed: number;
  /** Commands of the server that carried more than one request to acquire, to release, or to yield; and the largest. */
  batches: number;
  largestBatch: number;
  /** The same of renewals. */
  renewBatches: number;
  largestRenewBatch: number;
  /** Refused because too many wait: requests by the store, and callers. */
  fullInStore: number;
  fullHere: number;
  /** Leases on several names; waits for one of several, and of these the ones that held another meanwhile; losses of one that others outlived. */
  joint: number;
  jointWaits: number;
  jointWaitsHolding: number;
  jointLost: number;
  /** Several names of which the caller got none. */
  jointNone: number;
  /** Subscriptions that went on at a server where nobody counts them, and how often one was told there to ask for itself. */
  strayListeners: number;
  woken: number;
  /** Gates that were opened, opened although somebody held or waited, and closed again. */
  gateOpened: number;
  gateTakenOver: number;
  gateClosed: number;
  /** Requests that were sent on: to the gate, and away from it. */
  toTheGate: number;
  fromTheGate: number;
  /** Refused because shared and limited exclude each other on one name, and because the weight is above the limit. */
  otherKind: number;
  tooHeavy: number;
  /** Upgrades as the store answered: queued, given up before they were granted, and just after. */
  upgradeQueued: number;
  upgradeGivenUp: number;
  upgradeGivenUpLate: number;
  /** As the caller was told. */
  upgraded: number;
  upgradeRefused: number;
  downgraded: number;
  /** Readers who joined a hold of their process, and permits that went to the next one there. */
  readerJoined: number;
  permitHandedOn: number;
  /** Several of a queue were let in by one script. */
  letInTogether: number;
  limitRaised: number;
  limitLowered: number;
  /** Of several holders: one whose lease ran out, and one that was ended by force. */
  expiredOneOfSeveral: number;
  forcedOneOfSeveral: number;
  /** Locks with all that is above them; those who entered a lock again from inside of it. */
  layered: number;
  entered: number;
}

export function noCoverage(): Coverage {
  return {
    handOffs: 0,
    kept: 0,
    yielded: 0,
    refused: 0,
    failed: 0,
    sent: 0,
    sentRefused: 0,
    sentFailed: 0,
    batches: 0,
    largestBatch: 0,
    renewBatches: 0,
    largestRenewBatch: 0,
    fullInStore: 0,
    fullHere: 0,
    joint: 0,
    jointWaits: 0,
    jointWaitsHolding: 0,
    jointLost: 0,
    jointNone: 0,
    strayListeners: 0,
    woken: 0,
    gateOpened: 0,
    gateTakenOver: 0,
    gateClosed: 0,
    toTheGate: 0,
    fromTheGate: 0,
    otherKind: 0,
    tooHeavy: 0,
    upgradeQueued: 0,
    upgradeGivenUp: 0,
    upgradeGivenUpLate: 0,
    upgraded: 0,
    upgradeRefused: 0,
    downgraded: 0,
    readerJoined: 0,
    permitHandedOn: 0,
    letInTogether: 0,
    limitRaised: 0,
    limitLowered: 0,
    expiredOneOfSeveral: 0,
    forcedOneOfSeveral: 0,
    layered: 0,
    entered: 0,
  };
}

export interface Answer {
  readonly outcome: string;
}

export type AskToEnd<T> = (onSent: OnSent | undefined) => Promise<T>;

/** Asks for the end of a hold, and counts what becomes of it once its caller has gone on. */
export async function countSent<T extends Answer>(
  coverage: Coverage,
  onSent: OnSent | undefined,
  ask: AskToEnd<T>,
): Promise<T> {
  let wasTold = false;
  const told = () => {
    if (!wasTold) coverage.sent += 1;
    wasTold = true;
    onSent?.();
  };
  try {
    const answer = await ask(onSent && told);
    if (wasTold && answer.outcome === 'refused') coverage.sentRefused += 1;
    return answer;
  } catch (error) {
    if (wasTold) coverage.sentFailed += 1;
    throw error;
  }
}

/** Adds up; of what is largest, the larger one. */
export function addCoverage(sum: Coverage, { largestBatch, largestRenewBatch, ...counts }: Coverage): void {
  for (const [name, count] of Object.entries(counts) as [keyof typeof counts, number][]) sum[name] += count;
  sum.largestBatch = Math.max(sum.largestBatch, largestBatch);
  sum.largestRenewBatch = Math.max(sum.largestRenewBatch, largestRenewBatch);
}
