import { type Clock, leaseDeadline } from '../../runtime/clock.js';
import type { RenewOutcome, RenewRequest } from '../lock-store.js';
import type { CallFailure } from '../mechanics/tries.js';
import { arrayText } from './postgres-calls.js';
import type { PostgresHold } from './postgres-hold.js';
import type { PostgresLink } from './postgres-link.js';

/** As many holds as one call renews: 10 000 leases are 20 statements of about 10 ms. */
const RENEW_BATCH = 500;
const SHORTEST_BOUND_MS = 50;

/** What renewals need of their store. */
export interface RenewalHome {
  readonly link: PostgresLink;
  readonly clock: Clock;
  readonly commandMs: number;
  /** Resolves when the barrier after a loss outlasts such a lease. */
  roomFor(leaseMs: number): Promise<void>;
  /** The store says that this hold is not ours. */
  lost(hold: PostgresHold): void;
}

/** Renews many holds with few statements; never rejects. */
export async function renewAll(
  requests: readonly RenewRequest[],
  home: RenewalHome,
): Promise<RenewOutcome[]> {
  const batches: Promise<RenewOutcome[]>[] = [];
  for (let start = 0; start < requests.length; start += RENEW_BATCH)
    batches.push(renewBatch(requests.slice(start, start + RENEW_BATCH), home));
  return (await Promise.all(batches)).flat();
}

async function renewBatch(requests: readonly RenewRequest[], home: RenewalHome): Promise<RenewOutcome[]> {
  const leases = requests.map(({ leaseMs }) => leaseMs);
  // Leave time for another try before the lease ends.
  const boundMs = Math.min(home.commandMs, Math.max(SHORTEST_BOUND_MS, Math.min(...leases) / 4));
  for (const { hold, leaseMs } of requests) {
    const asked = hold as PostgresHold;
    if (leaseMs > asked.leaseMs) asked.leaseMs = leaseMs; // whatever is answered
  }
  try {
    await home.roomFor(Math.max(...leases));
    return await ask(requests, home, boundMs);
  } catch (failure) {
    const { error } = failure as CallFailure;
    return requests.map(() => ({ outcome: 'unknown', error: error ?? failure }));
  }
}

async function ask(
  requests: readonly RenewRequest[],
  home: RenewalHome,
  boundMs: number,
): Promise<RenewOutcome[]> {
  const holds = requests.map(({ hold }) => hold as PostgresHold);
  const columns = [
    holds.map(({ key }) => key),
    holds.map(({ ownerToken }) => ownerToken),
    requests.map(({ leaseMs }) => leaseMs),
    holds.map(({ fencingToken }) => fencingToken),
    holds.map(({ lineage }) => lineage),
    holds.map(({ label }) => label),
  ];
  const { answer, sentAtMs } = await home.link.call({
    name: 'renew_v1',
    // Read when it is sent, and sent again: a hold that we do not believe in any more must not be written anew.
    values: () =>
      [...columns, holds.map(({ deadlineMs }) => home.clock.monotonicMs() < deadlineMs)].map(arrayText),
    boundMs,
  });
  const lines = (answer ?? '').split('\n');
  return holds.map((hold, at) => read(hold, (lines[at] ?? '').split(' '), { sentAtMs, home }));
}

function read(
  hold: PostgresHold,
  [code, leftMs, fence, lineage]: readonly string[],
  { sentAtMs, home }: { sentAtMs: number; home: RenewalHome },
): RenewOutcome {
  if (code !== '1') {
    home.lost(hold);
    return { outcome: 'lost' };
  }
  hold.learn(Number(fence), Number(lineage));
  hold.deadlineMs = leaseDeadline(sentAtMs, Number(leftMs));
  return { outcome: 'renewed', deadlineMs: hold.deadlineMs };
}
