import type { Acquisition, Reply, Request, View, World } from './world.js';
import { clientOf, cycleOf } from './world.js';

/** What must hold in every state and for every answer. Thrown by the step that breaks it. */
export class Violation extends Error {}

function demand(holds: boolean, law: string): void {
  if (!holds) throw new Violation(law);
}

/** In every state. */
export function checkState({ view, clients, unbounded, rolledBack, late }: World): void {
  demand(!view.endless, 'every key has an end');
  demand(
    view.queue.length === 0 || (view.flag !== 'f' && view.flag !== 'h'),
    `a state '${view.flag}' means that nobody is queued`,
  );
  for (const { acquisitions, pushes } of clients) {
    for (const { believes, token, fence, asking, renewing, unsure, phase } of acquisitions) {
      if (believes === 0 || phase === 'yielding') continue; // nobody uses what yields
      const hasHeardAll = !asking && !renewing && !unsure && pushes.length === 0 && !late;
      if (rolledBack || (unbounded && (view.owner !== token || !hasHeardAll))) continue;
      // Stronger than «at most one believer»: it is the one whom the server has, and it knows the token that others will see.
      demand(view.owner === token, 'whoever believes to hold the lock is its owner');
      demand(view.fence === fence, 'whoever holds the lock knows its fencing token');
    }
  }
}

/** What a script did: `before` it, `after` it. */
export interface Execution {
  readonly request: Request;
  readonly reply: Reply;
  readonly before: View;
  readonly after: View;
  /** Who would have heard a push. */
  readonly listens: (token: number) => boolean;
  readonly endedCleanly: boolean;
  readonly rolledBack: boolean;
  readonly nowUs: number;
  /** The server's clock was set back, for the moment. */
  readonly isBehind: boolean;
  readonly mostQueued: number;
}

export function checkExecution(execution: Execution): void {
  const { request, before, after } = execution;
  if (isNewGrant(before, after)) checkGrant(execution);
  else if (after.owner !== -1) demand(after.owner === before.owner, 'a hold stays with its owner');
  if (request.does === 'acquire') checkAcquire(execution);
  if (request.does === 'release') checkRelease(execution);
  if (request.does === 'yield') checkYield(execution);
  if (request.does === 'renew') {
    const isOwner = before.owner === request.token;
    demand((execution.reply.code === 1) === isOwner, 'a renewal answers whether it is the owner');
    demand(after.owner === before.owner && after.fence === before.fence, 'a renewal changes no owner');
  }
}

export function isNewGrant(before: View, after: View): boolean {
  return after.owner !== -1 && (after.owner !== before.owner || after.fence !== before.fence);
}

/** @returns the larger one, which must be the new one */
export function risen(topFence: number, fence: number): number {
  demand(fence > topFence, 'the fencing token rises with every grant');
  return fence;
}

/** A holder has handed its lock on inside its process. */
export function checkCount({ view, topFence, unbounded, rolledBack }: World, it: Acquisition): void {
  const isStale = (unbounded || rolledBack) && (view.owner !== it.token || view.fence > it.fence);
  demand(it.used > topFence || isStale, 'the fencing token rises with every local lease');
  demand(!isStale || rolledBack || view.flag === '' || it.used < view.fence, 'no token is used by two');
}

function checkGrant({ request, before, after, listens, nowUs, isBehind }: Execution): void {
  demand(after.fence <= nowUs || isBehind, "no fencing token exceeds the server's time");
  const canBeGiven = before.owner === -1 || request.token === before.owner;
  demand(canBeGiven && request.does !== 'renew', 'a lock is given on only when it is free or by its owner');
  const me = before.queue.find(({ token }) => token === request.token);
  const myTicket = me?.ticket ?? (request.waits && request.ticket > 0 ? request.ticket : Infinity);
  const waiting = before.queue.filter(({ token }) => token !== request.token && listens(token));
  if (after.owner === request.token && request.does === 'acquire') {
    demand(!waiting.some(({ ticket }) => ticket < myTicket), 'nobody overtakes a live waiter');
  } else if (after.owner === request.token) {
    demand(waiting.length === 0, 'a lock is kept only when nobody else waits');
  } else {
    const first = waiting.find(({ ticket }) => request.does !== 'acquire' || ticket < myTicket);
    demand(first?.token === after.owner, 'the first live waiter is next');
  }
}

function checkAcquire({ request, reply, before, after, mostQueued }: Execution): void {
  const { token, waits } = request;
  if (before.owner === token) {
    const same = reply.code === 1 && reply.fence === before.fence && reply.lineage === before.lineage;
    demand(same && after.fence === before.fence, 'an owner that asks again gets the same hold');
  }
  demand((reply.code === 1) === (after.owner === token), 'granted means owner');
  if (reply.code !== 1) {
    const isQueued = after.queue.some((other) => other.token === token);
    demand(isQueued === (reply.code === 2) || !waits, 'queued means queued');
    const isFull = before.queue.length >= mostQueued && !before.queue.some((other) => other.token === token);
    const refusal = isFull && request.ticket === 0 ? 4 : 2;
    demand(reply.code === (waits ? refusal : 0), 'one who waits is queued, one who tries is told «busy»');
    demand(after.owner !== -1, 'busy means that somebody holds it');
  }
}

function checkRelease({ request, reply, before, after, endedCleanly, rolledBack }: Execution): void {
  const { token, purpose } = request;
  const isOwner = before.owner === token;
  demand(after.owner !== token, 'after its release nobody is the owner still');
  demand((reply.code === 1) === isOwner, 'a release answers «released» exactly to the owner');
  demand(isOwner || after.owner === before.owner, 'a release by another changes no owner');
  demand(reply.code !== 2 || endedCleanly || rolledBack, '«had ended cleanly» is true');
  demand(
    purpose === 'bare' || !after.queue.some((other) => other.token === token),
    'after its release nobody is queued still',
  );
}

function checkYield(execution: Execution): void {
  const { request, reply, before, after, endedCleanly, rolledBack } = execution;
  const { token, successor, fence } = request;
  const places = after.queue.filter((other) => other.token === successor).length;
  if (before.owner !== token) {
    demand(reply.code === 3 || reply.code === -1, 'only the owner yields or keeps');
    const isRemembered = before.lineage === request.lineage && before.fence >= request.used;
    demand(reply.code === 3 || !isRemembered, 'who has yielded is told so');
    demand(reply.code !== 3 || endedCleanly || rolledBack, '«had been yielded» is true');
    demand(after.owner === before.owner, 'a yield by another changes no owner');
    demand(after.queue.length === before.queue.length, 'a yield by another changes no queue');
  } else if (before.fence === fence) {
    const isKept = after.owner === token;
    demand(reply.code === (isKept ? 1 : 2), 'kept means owner, yielded means queued');
    demand(!isKept || (after.fence > before.fence && places === 0), 'a lock that is kept has a new token');
    demand(isKept || (places === 1 && after.owner !== successor), 'who yields is queued again, once');
  } else {
    demand(after.owner === token && after.fence === before.fence, 'a late yield gives nothing away');
    demand(
      reply.code === 1 && reply.fence === before.fence,
      'a yield that was answered before answers the same',
    );
  }
}

/** What a caller is told. */
export function checkAnswer(
  reply: Reply,
  { endedCleanly, rolledBack }: Pick<Execution, 'endedCleanly' | 'rolledBack'>,
): void {
  const { request, code } = reply;
  if (request.purpose !== 'release' && request.purpose !== 'yield') return;
  demand(
    code !== -1 || request.repeated || !endedCleanly || rolledBack,
    '«refused» without doubt means that it was lost',
  );
  if (request.purpose === 'release') demand(code !== 3, 'a hold that was granted is known to have been one');
}

/** When nothing is left to do. What a late request leaves behind costs a lease, no more. */
export function checkEnd({ view, clients, late, rolledBack }: World): void {
  if (late || rolledBack) return;
  const isAlive = (token: number) => clients[clientOf(token)]?.alive === true;
  demand(view.owner === -1 || !isAlive(view.owner), 'no hold is left behind');
  demand(!view.queue.some(({ token }) => isAlive(token)), 'no place in the queue is left behind');
}

export function hasEndedCleanly({ clients }: World, token: number): boolean {
  return ((clients[clientOf(token)]?.endedCleanly ?? 0) & (1 << cycleOf(token))) !== 0;
}
