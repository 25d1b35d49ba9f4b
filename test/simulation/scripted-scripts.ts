/**
 * lib/stores/redis/scripts/*.lua, line by line in TypeScript, so that a simulation and the model checker can run millions of them.
 * `differential.spec.ts` runs the same commands here and on a real Redis and compares everything. A change of a .lua file is a
 * change here.
 */
import {
  answersTo,
  type Asked,
  digits,
  fenceOf,
  grantedOf,
  isAtGate,
  isLock,
  joinQueue,
  leaseIn,
  listenersOn,
  lineageOf,
  mostQueuedIn,
  nextFence,
  nobodys,
  NO_TICKET,
  notOurs,
  BATCHES,
  ownerOf,
  promote,
  restMs,
  type Script,
  type Scripts,
  shortestIn,
  tailIn,
  tailOf,
  tokenIn,
  toNumber,
  waitsIn,
  wakeFirst,
  type Work,
} from './scripted-includes.js';
import { gateScripts } from './scripted-gate/gate-scripts.js';
import { force, inspect, probe } from './scripted-operations.js';
import type { ScriptedRedis } from './scripted-redis.js';
import type { ScriptReply } from '../../lib/stores/redis/redis-link.js';

export type { Script, ScriptInput, Scripts } from './scripted-includes.js';

/** Jest makes each look at a global slow. */
const { max } = Math;

/** One request to acquire, and where. */
interface Ask extends Pick<Asked, 'lock' | 'terms'> {
  readonly redis: ScriptedRedis;
  readonly owner: string;
  readonly us: number;
}

function grant({ redis, lock, terms, owner, us }: Ask, fence: string, lineage: string): ScriptReply {
  const leaseMs = toNumber(leaseIn(terms));
  redis.setPx(lock.state, `h${fence}${lineage}${digits(us)}${owner}`, leaseMs);
  return [1, fence, lineage, leaseMs];
}

function queued(
  { redis, owner, us }: Pick<Ask, 'redis' | 'owner' | 'us'>,
  left: number,
  ticket: string,
): ScriptReply {
  return [2, left, ticket, digits(us), listenersOn(redis, tailIn(owner))];
}

function acquireHeld(ask: Ask, state: string): ScriptReply {
  const { redis, lock, terms, owner } = ask;
  const left = redis.pttl(lock.state);
  if (left === -1) return [-9, 'it would never run out'];
  if (ownerOf(state) === tokenIn(owner)) return [1, fenceOf(state), lineageOf(state), left];
  if (!waitsIn(terms)) return [0, left];
  const ticket = joinQueue(redis, lock.queue, { ...ask, most: mostQueuedIn(terms) });
  if (ticket === undefined) return [4, left];
  if (state.startsWith('h')) redis.overwriteStart(lock.state, 'H');
  return queued(ask, left, ticket);
}

function acquireUnknown(ask: Ask): ScriptReply {
  const { redis, lock, terms, owner, us } = ask;
  const fence = digits(us);
  if (!redis.exists(lock.queue)) return grant(ask, fence, fence);
  const token = tokenIn(owner);
  const waits = waitsIn(terms);
  const ticket = waits ? joinQueue(redis, lock.queue, { ...ask, most: mostQueuedIn(terms) }) : undefined;
  const winner = promote(redis, lock, { fence, lineage: fence, us, self: token });
  if (winner === undefined) return grant(ask, fence, fence);
  if (winner.token === token) return [1, fence, fence, winner.leaseMs];
  if (ticket !== undefined) return queued(ask, winner.leaseMs, ticket);
  return [waits ? 4 : 0, winner.leaseMs];
}

/** Free without a trace, or since a clean release; and nobody is queued. */
function acquireUsual({ redis, lock, terms, owner, us }: Ask): ScriptReply | undefined {
  const state = redis.get(lock.state);
  const now = digits(us);
  let lineage = now;
  if (state === undefined) {
    if (redis.exists(lock.queue)) return undefined;
  } else {
    if (!state.startsWith('f') || Buffer.byteLength(state) !== 33 || state >= `f${now}`) return undefined;
    lineage = lineageOf(state);
  }
  const leaseMs = shortestIn(terms);
  redis.setPx(lock.state, `h${now}${lineage}${now}${owner}`, leaseMs);
  return [1, now, lineage, leaseMs];
}

const acquire: Script = (input) => {
  const { redis, args } = input;
  const us = redis.time();
  const asking = ({ lock, terms, own }: Asked): Ask => ({ redis, lock, terms, owner: own[0]!, us });
  const answers = answersTo(input, BATCHES.acquire, {
    usual: (asked) => acquireUsual(asking(asked)),
    work: (asked) => {
      const ask = asking(asked);
      const state = redis.get(ask.lock.state);
      if (state === undefined) return acquireUnknown(ask);
      if (!isLock(state)) return notOurs(state);
      if (!state.startsWith('f')) return acquireHeld(ask, state);
      return grant(ask, nextFence(toNumber(fenceOf(state)), us), lineageOf(state));
    },
  });
  return [args[0]! + digits(us), ...answers];
};

function staysTaken(
  { redis, lock }: Pick<Ask, 'redis' | 'lock'>,
  state: string,
  [least, last]: readonly [least: string, last: number],
): boolean {
  const rest = restMs(redis.time(), grantedOf(state), toNumber(least));
  if (rest <= 0) return false;
  redis.pexpire(lock.state, rest);
  const owner = nobodys(ownerOf(state)) + tailOf(state);
  redis.setPx(lock.state, state[0] + digits(last) + state.slice(17, 49) + owner, rest);
  wakeFirst(redis, lock.queue);
  return true;
}

const release: Script = (input) => {
  const { redis, args } = input;
  /** Ours, nobody is queued, and its owner knows all there is to know. */
  const usual = ({ lock, terms, own: [expected, free] }: Asked): ScriptReply | undefined => {
    if (redis.get(lock.state) !== expected) return undefined;
    redis.setPx(lock.state, free!, shortestIn(terms));
    return [1];
  };
  const work: Work = ({ lock, terms, own: [expected = '', free = ''] }) => {
    const [token, used, lineage] = [ownerOf(expected), fenceOf(free), lineageOf(free)];
    const [keepMs, queuedMs] = [toNumber(terms.slice(0, 8)), terms.slice(9, 17)];
    if (queuedMs !== '00000000') redis.zrem(lock.queue, token + queuedMs + tailOf(expected));

    const state = redis.get(lock.state);
    if (state !== undefined && isLock(state) && ownerOf(state) === token) {
      const last = max(toNumber(fenceOf(state)), toNumber(used));
      if (expected.startsWith('m') && staysTaken({ redis, lock }, state, [terms.slice(17, 27), last]))
        return [1];
      redis.pexpire(lock.state, keepMs);
      const us = redis.time();
      const next = { fence: nextFence(last, us), lineage: lineageOf(state), us };
      if (state.startsWith('H') && promote(redis, lock, next) !== undefined) return [1];
      redis.setPx(lock.state, `f${digits(last)}${lineageOf(state)}`, keepMs);
      return [1];
    }
    if (isAtGate(state)) return [-11, '2'];
    if (lineage === NO_TICKET) return [3];
    return state !== undefined && lineageOf(state) === lineage && fenceOf(state) >= used ? [2] : [-1];
  };
  return [args[0]!, ...answersTo(input, BATCHES.release, { usual, work })];
};

const yields: Script = (input) => {
  const { redis, args } = input;
  const work: Work = ({ lock, terms, own: [hold = '', owner = ''] }) => {
    const [token, known, lineage] = [hold.slice(0, 22), hold.slice(22, 38), hold.slice(38, 54)];
    const used = hold.slice(54, 70);

    const state = redis.get(lock.state);
    if (state === undefined || !isLock(state) || ownerOf(state) !== token) {
      if (isAtGate(state)) return [-11, '2'];
      const passedOn = state !== undefined && isLock(state) && lineageOf(state) === lineage;
      return passedOn && fenceOf(state) >= used ? [3] : [-1];
    }
    const left = redis.pttl(lock.state);
    if (fenceOf(state) !== known) return [1, fenceOf(state), lineageOf(state), left];

    const leaseMs = max(left, toNumber(leaseIn(terms)));
    redis.pexpire(lock.state, leaseMs);
    const us = redis.time();
    const fence = nextFence(toNumber(used), us);
    if (state.startsWith('H')) {
      const winner = promote(redis, lock, { fence, lineage, us });
      if (winner !== undefined) {
        const ticket = joinQueue(redis, lock.queue, { terms, owner, us });
        redis.overwriteStart(lock.state, 'H');
        return queued({ redis, owner, us }, winner.leaseMs, ticket!);
      }
    }
    redis.setPx(lock.state, `h${fence}${lineage}${state.slice(33, 71)}${tailIn(owner)}`, leaseMs);
    return [1, fence, lineage, leaseMs];
  };
  return [args[0]!, ...answersTo(input, BATCHES.yield, { work })];
};

const renew: Script = ({ redis, keys, args }) => {
  const answers = keys.map((key, index) => {
    const [token, lease, known] = args.slice(1 + index * 3, 4 + index * 3);
    const leaseMs = toNumber(lease);
    const state = redis.type(key) === 'string' ? redis.get(key) : undefined;
    if (state === undefined || !isLock(state) || ownerOf(state) !== token)
      return isAtGate(state) ? [-11, '2'] : [-1];
    let left = redis.pttl(key);
    if (left < leaseMs) {
      redis.pexpire(key, leaseMs);
      left = leaseMs;
    }
    return state.slice(1, 33) === known ? [1, left] : [1, left, fenceOf(state), lineageOf(state)];
  });
  return [args[0]!, ...answers];
};

export const SCRIPTED: Scripts = {
  acquire,
  release,
  yield: yields,
  renew,
  force,
  inspect,
  probe,
  ...gateScripts(),
};
