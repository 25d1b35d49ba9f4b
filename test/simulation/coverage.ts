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
