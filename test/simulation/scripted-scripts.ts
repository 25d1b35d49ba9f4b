/**
 * lib/stores/redis/scripts/*.lua, line by line in TypeScript, so that a simulation and the model checker can run millions of them.
 * `differential.spec.ts` runs the same commands here and on a real Redis and compares everything. A change of a .lua file is a
 * change here.
 */
import {
  digits,
  fenceOf,
  forEachRequest,
  isLock,
  joinQueue,
  leaseIn,
  listenersOn,
  lineageOf,
  type LockKeys,
  mostQueuedIn,
  nextFence,
  NO_TICKET,
  notOurs,
  ownerOf,
  promote,
  type Script,
  type Scripts,
  tailIn,
  tokenIn,
  toNumber,
  waitsIn,
  type Work,
} from './scripted-includes.js';
import { force, inspect, probe } from './scripted-operations.js';
import type { ScriptedRedis } from './scripted-redis.js';
import type { ScriptReply } from '../../lib/stores/redis/redis-link.js';

export type { Script, ScriptInput, Scripts } from './scripted-includes.js';

/** Jest makes each look at a global slow. */
const { max } = Math;

/** One request to acquire, and where. */
interface Ask {
  readonly redis: ScriptedRedis;
  readonly lock: LockKeys;
  readonly request: string;
  readonly us: number;
}

function grant({ redis, lock, request, us }: Ask, fence: string, lineage: string): ScriptReply {
  const leaseMs = toNumber(leaseIn(request));
  const owner = tokenIn(request) + tailIn(request);
  redis.setPx(lock.state, `h${fence}${lineage}${digits(us)}${owner}`, leaseMs);
  return [1, fence, lineage, leaseMs];
}

function queued({ redis, request, us }: Ask, left: number, ticket: string): ScriptReply {
  return [2, left, ticket, digits(us), listenersOn(redis, tailIn(request))];
}

function acquireHeld(ask: Ask, state: string): ScriptReply {
  const { redis, lock, request } = ask;
  const left = redis.pttl(lock.state);
  if (left === -1) return [-9, 'it would never run out'];
  if (ownerOf(state) === tokenIn(request)) return [1, fenceOf(state), lineageOf(state), left];
  if (!waitsIn(request)) return [0, left];
  const ticket = joinQueue(redis, lock.queue, { ...ask, most: mostQueuedIn(request) });
  if (ticket === undefined) return [4, left];
  if (state.startsWith('h')) redis.overwriteStart(lock.state, 'H');
  return queued(ask, left, ticket);
}

function acquireUnknown(ask: Ask): ScriptReply {
  const { redis, lock, request, us } = ask;
  const fence = digits(us);
  if (!redis.exists(lock.queue)) return grant(ask, fence, fence);
  const token = tokenIn(request);
  const waits = waitsIn(request);
  const ticket = waits ? joinQueue(redis, lock.queue, { ...ask, most: mostQueuedIn(request) }) : undefined;
  const winner = promote(redis, lock, { fence, lineage: fence, us, self: token });
  if (winner === undefined) return grant(ask, fence, fence);
  if (winner.token === token) return [1, fence, fence, winner.leaseMs];
  if (ticket !== undefined) return queued(ask, winner.leaseMs, ticket);
  return [waits ? 4 : 0, winner.leaseMs];
}

/** Free without a trace, or since a clean release; and nobody is queued. */
function acquireUsual({ redis, lock, request, us }: Ask): ScriptReply | undefined {
  const state = redis.get(lock.state);
  const now = digits(us);
  let lineage = now;
  if (state === undefined) {
    if (redis.exists(lock.queue)) return undefined;
  } else {
    if (!state.startsWith('f') || Buffer.byteLength(state) !== 33 || fenceOf(state) >= now) return undefined;
    lineage = lineageOf(state);
  }
  const leaseMs = toNumber(/[1-9].*/.exec(leaseIn(request))?.[0]);
  const owner = tokenIn(request) + tailIn(request);
  redis.setPx(lock.state, `h${now}${lineage}${now}${owner}`, leaseMs);
  return [1, now, lineage, leaseMs];
}

const acquire: Script = (input) => {
  const { redis } = input;
  const us = redis.time();
  const usual = (lock: LockKeys, request: string) => acquireUsual({ redis, lock, request, us });
  return forEachRequest(input, 1, {
    usual,
    work: (lock, request) => {
      const ask = { redis, lock, request, us };
      const state = redis.get(lock.state);
      if (state === undefined) return acquireUnknown(ask);
      if (!isLock(state)) return notOurs(state);
      if (!state.startsWith('f')) return acquireHeld(ask, state);
      return grant(ask, nextFence(toNumber(fenceOf(state)), us), lineageOf(state));
    },
  });
};

const release: Script = (input) => {
  const { redis, args } = input;
  const keepMs = args[1];
  /** Ours, and nobody is queued. */
  const usual = (lock: LockKeys, ending: string): ScriptReply | undefined => {
    const state = redis.get(lock.state) ?? '';
    if (!state.startsWith('h') || !isLock(state) || ownerOf(state) !== ending.slice(0, 22)) return undefined;
    const used = ending.slice(22, 38) < fenceOf(state) ? fenceOf(state) : ending.slice(22, 38);
    redis.setPx(lock.state, `f${used}${lineageOf(state)}`, toNumber(keepMs));
    return [1];
  };
  const work: Work = (lock, ending) => {
    const [token, used, lineage] = [ending.slice(0, 22), ending.slice(22, 38), ending.slice(38, 54)];
    if (ending.length > 54) redis.zrem(lock.queue, token + ending.slice(54));

    const state = redis.get(lock.state);
    if (state !== undefined && isLock(state) && ownerOf(state) === token) {
      redis.pexpire(lock.state, toNumber(keepMs));
      const last = max(toNumber(fenceOf(state)), toNumber(used));
      const us = redis.time();
      const next = { fence: nextFence(last, us), lineage: lineageOf(state), us };
      if (state.startsWith('H') && promote(redis, lock, next) !== undefined) return [1];
      redis.setPx(lock.state, `f${digits(last)}${lineageOf(state)}`, toNumber(keepMs));
      return [1];
    }
    if (lineage === NO_TICKET) return [3];
    return state !== undefined && lineageOf(state) === lineage && fenceOf(state) >= used ? [2] : [-1];
  };
  return forEachRequest(input, 2, { usual, work });
};

const yields: Script = (input) => {
  const { redis } = input;
  const work: Work = (lock, ending) => {
    const [token, known, lineage] = [ending.slice(0, 22), ending.slice(22, 38), ending.slice(38, 54)];
    const [used, request] = [ending.slice(54, 70), ending.slice(70)];

    const state = redis.get(lock.state);
    if (state === undefined || !isLock(state) || ownerOf(state) !== token) {
      const passedOn = state !== undefined && isLock(state) && lineageOf(state) === lineage;
      return passedOn && fenceOf(state) >= used ? [3] : [-1];
    }
    const left = redis.pttl(lock.state);
    if (fenceOf(state) !== known) return [1, fenceOf(state), lineageOf(state), left];

    const leaseMs = max(left, toNumber(leaseIn(request)));
    redis.pexpire(lock.state, leaseMs);
    const us = redis.time();
    const fence = nextFence(toNumber(used), us);
    if (state.startsWith('H')) {
      const winner = promote(redis, lock, { fence, lineage, us });
      if (winner !== undefined) {
        const ticket = joinQueue(redis, lock.queue, { request, us });
        redis.overwriteStart(lock.state, 'H');
        return queued({ redis, lock, request, us }, winner.leaseMs, ticket!);
      }
    }
    redis.setPx(lock.state, `h${fence}${lineage}${state.slice(33, 71)}${tailIn(request)}`, leaseMs);
    return [1, fence, lineage, leaseMs];
  };
  return forEachRequest(input, 1, { work });
};

const renew: Script = ({ redis, keys, args }) => {
  const answers = keys.map((key, index) => {
    const [token, lease, known] = args.slice(1 + index * 3, 4 + index * 3);
    const leaseMs = toNumber(lease);
    const state = redis.type(key) === 'string' ? redis.get(key) : undefined;
    if (state === undefined || !isLock(state) || ownerOf(state) !== token) return [-1];
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
};
