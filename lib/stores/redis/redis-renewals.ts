import { leaseDeadline } from '../../runtime/clock.js';
import type { RenewOutcome, RenewRequest } from '../lock-store.js';
import type { RedisHold } from './redis-hold.js';
import type { CallFailure } from '../mechanics/tries.js';
import type { RedisLink, ScriptReply } from './redis-link.js';
import { answerOf } from './redis-wire.js';

/** As many holds as one renewal command carries: 10 000 leases are 100 commands, and no script blocks the server for long. */
const RENEW_BATCH = 100;
const SHORTEST_BOUND_MS = 50;

/** What renewals need of their store. */
export interface RenewalHome {
  readonly link: RedisLink;
  readonly commandMs: number;
  /** The store says that this hold is not ours. */
  lost(hold: RedisHold): void;
}

/** Renews many holds with few commands; never rejects. */
export async function renewAll(
  requests: readonly RenewRequest[],
  home: RenewalHome,
): Promise<RenewOutcome[]> {
  const batches: Promise<RenewOutcome[]>[] = [];
  for (let start = 0; start < requests.length; start += RENEW_BATCH) {
    batches.push(renewBatch(requests.slice(start, start + RENEW_BATCH), home));
  }
  return (await Promise.all(batches)).flat();
}

async function renewBatch(requests: readonly RenewRequest[], home: RenewalHome): Promise<RenewOutcome[]> {
  const shortestMs = Math.min(...requests.map(({ leaseMs }) => leaseMs));
  // Leave time for another try before the lease ends.
  const boundMs = Math.min(home.commandMs, Math.max(SHORTEST_BOUND_MS, shortestMs / 4));
  for (const { hold, leaseMs } of requests) {
    const asked = hold as RedisHold;
    if (leaseMs > asked.leaseMs) asked.leaseMs = leaseMs; // whatever is answered
  }
  const keys = requests.map(({ hold }) => (hold as RedisHold).keys.state);
  const args = requests.flatMap(({ hold, leaseMs }) => [
    hold.ownerToken,
    String(leaseMs),
    (hold as RedisHold).grant,
  ]);
  try {
    const { reply, sentAtMs } = await home.link.call({ script: 'renew', keys, args, boundMs });
    return requests.map(({ hold }, i) =>
      readRenewal(hold as RedisHold, answerOf(reply[i]), { sentAtMs, home }),
    );
  } catch (failure) {
    const { error } = failure as CallFailure;
    return requests.map(() => ({ outcome: 'unknown', error: error ?? failure }));
  }
}

function readRenewal(
  hold: RedisHold,
  [code, leftMs, fence, lineage]: ScriptReply,
  { sentAtMs, home }: { sentAtMs: number; home: RenewalHome },
): RenewOutcome {
  if (code !== 1) {
    home.lost(hold);
    return { outcome: 'lost' };
  }
  if (fence !== undefined) hold.learn(String(fence), String(lineage));
  return { outcome: 'renewed', deadlineMs: leaseDeadline(sentAtMs, Number(leftMs)) };
}
