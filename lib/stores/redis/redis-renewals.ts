import { leaseDeadline } from '../../runtime/clock.js';
import type { RenewOutcome, RenewRequest } from '../lock-store.js';
import type { RedisHold } from './redis-hold.js';
import type { CallFailure } from '../mechanics/tries.js';
import type { RedisLink, ScriptReply } from './redis-link.js';
import { ASK_GATE, ASK_PLAINLY } from './gate/gate-errors.js';
import { keysOf } from './gate/gate-keys.js';
import { tenDigits } from './gate/gate-wire.js';
import { refusal } from './redis-errors.js';
import { gateKeys } from './redis-keys.js';
import { answerOf, milliseconds, REFUSED } from './redis-wire.js';

/** As many holds as one renewal command carries: 10 000 leases are 100 commands, and no script blocks the server for long. */
const RENEW_BATCH = 100;
const SHORTEST_BOUND_MS = 50;

/** What renewals need of their store. */
export interface RenewalHome {
  readonly link: RedisLink;
  readonly commandMs: number;
  /** How long the trace of a clean end stays, in ms. */
  readonly keepMs: number;
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
  try {
    return await askAll(requests, { home, boundMs });
  } catch (failure) {
    const { error } = failure as CallFailure;
    return requests.map(() => ({ outcome: 'unknown', error: error ?? failure }));
  }
}

interface Asking {
  readonly home: RenewalHome;
  readonly boundMs: number;
}

/** Each where it was last seen. Those whose name has been shared since, or is not any more, are asked for once more in the other place. */
async function askAll(requests: readonly RenewRequest[], asking: Asking): Promise<RenewOutcome[]> {
  const isAtGate = requests.map(({ hold }) => (hold as RedisHold).isAtGate);
  const [gate, plain] = [true, false].map((where) => requests.filter((_, i) => isAtGate[i] === where));
  const answers = await Promise.all([
    gate!.length > 0 ? ask('gate-renew', gate!, asking) : [],
    plain!.length > 0 ? ask('renew', plain!, asking) : [],
  ]);
  const outcomes = isAtGate.map((where) => answers[where ? 0 : 1].shift());
  const moved = requests.filter((_, i) => outcomes[i] === undefined);
  if (moved.length === 0) return outcomes as RenewOutcome[];
  const again = await askAll(moved, asking);
  return outcomes.map((outcome) => outcome ?? again.shift()!);
}

/** undefined: it is in the other place, and knows it now. */
async function ask(
  script: 'renew' | 'gate-renew',
  requests: readonly RenewRequest[],
  { home, boundMs }: Asking,
): Promise<(RenewOutcome | undefined)[]> {
  const { reply, sentAtMs } = await home.link.call({ script, ...wordsOf[script](requests, home), boundMs });
  const answers = script === 'renew' ? reply : reply.slice(1); // of a text the first line is the head
  return requests.map(({ hold }, i) =>
    readRenewal(hold as RedisHold, answerOf(answers[i]), { sentAtMs, home }),
  );
}

/** Keys and arguments, see the scripts' headers. */
const wordsOf = {
  renew: (requests: readonly RenewRequest[]) => ({
    keys: requests.map(({ hold }) => (hold as RedisHold).keys.state),
    args: requests.flatMap(({ hold, leaseMs }) => [
      hold.ownerToken,
      String(leaseMs),
      (hold as RedisHold).grant,
    ]),
  }),
  'gate-renew': (requests: readonly RenewRequest[], { keepMs }: RenewalHome) => ({
    keys: keysOf(
      'gate-renew',
      requests.map(({ hold }) => gateKeys((hold as RedisHold).keys.state)),
    ),
    args: requests.flatMap(({ hold, leaseMs }) => [
      milliseconds(keepMs),
      hold.ownerToken + tenDigits(leaseMs) + (hold as RedisHold).fence,
    ]),
  }),
};

function readRenewal(
  hold: RedisHold,
  [code, leftMs, fence, lineage]: ScriptReply,
  { sentAtMs, home }: { sentAtMs: number; home: RenewalHome },
): RenewOutcome | undefined {
  if (code === ASK_GATE || code === ASK_PLAINLY) {
    hold.isAtGate = code === ASK_GATE;
    return undefined;
  }
  if (code === REFUSED) return { outcome: 'unknown', error: refusal(String(leftMs)) };
  if (code !== 1) {
    home.lost(hold);
    return { outcome: 'lost' };
  }
  if (fence !== undefined) hold.learn(String(fence), String(lineage));
  return { outcome: 'renewed', deadlineMs: leaseDeadline(sentAtMs, Number(leftMs)) };
}
