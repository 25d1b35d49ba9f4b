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
/** At the general gate a renewal is four times the work: as many as keep others waiting for the same time. */
const GATE_BATCH = 25;
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
  const batches = chunks(requests, RENEW_BATCH).map((some) => renewBatch(some, home));
  return (await Promise.all(batches)).flat();
}

function chunks<T>(all: readonly T[], most: number): T[][] {
  const count = Math.ceil(all.length / most);
  return Array.from({ length: count }, (_, i) => all.slice(i * most, (i + 1) * most));
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
  const isAtGate = ({ hold }: RenewRequest) => (hold as RedisHold).isAtGate;
  const parts = [
    ...chunks(requests.filter(isAtGate), GATE_BATCH).map((part) => ask('gate-renew', part, asking)),
    ...chunks(
      requests.filter((request) => !isAtGate(request)),
      RENEW_BATCH,
    ).map((part) => ask('renew', part, asking)),
  ];
  const outcomes = new Map((await Promise.all(parts)).flat());
  const moved = requests.filter((request) => outcomes.get(request) === undefined);
  const again = moved.length === 0 ? [] : await askAll(moved, asking);
  return requests.map((request) => outcomes.get(request) ?? again[moved.indexOf(request)]!);
}

/** Without an outcome: it is in the other place, and knows it now. */
async function ask(
  script: 'renew' | 'gate-renew',
  requests: readonly RenewRequest[],
  { home, boundMs }: Asking,
): Promise<[RenewRequest, RenewOutcome | undefined][]> {
  const { reply, sentAtMs } = await home.link.call({ script, ...wordsOf[script](requests, home), boundMs });
  const answers = script === 'renew' ? reply : reply.slice(1); // of a text the first line is the head
  return requests.map((request, i) => {
    const told = { sentAtMs, home };
    return [request, readRenewal(request.hold as RedisHold, answerOf(answers[i]), told)];
  });
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
