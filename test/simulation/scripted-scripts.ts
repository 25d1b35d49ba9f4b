/**
 * lib/stores/redis/scripts/*.lua, line by line in TypeScript, so that a simulation and the model checker can run millions of them.
 * `differential.spec.ts` runs the same commands here and on a real Redis and compares everything. A change of a .lua file is a
 * change here.
 */
import { ReplyError, type ScriptedRedis } from './scripted-redis.js';
import type { ScriptName, ScriptReply } from '../../lib/stores/redis/redis-link.js';

export interface ScriptInput {
  readonly redis: ScriptedRedis;
  readonly keys: readonly string[];
  /** The first is the nonce. */
  readonly args: readonly string[];
}

export type Script = (input: ScriptInput) => ScriptReply;

// includes/state.lua

const digits = (number: number) => String(number).padStart(16, '0');
const fenceOf = (state: string) => state.slice(1, 17);
const lineageOf = (state: string) => state.slice(17, 33);
const ownerOf = (state: string) => state.slice(49, 71);
const tailOf = (state: string) => state.slice(71);

/** `#` in Lua counts bytes. Only a foreign value has others than ASCII before its tail. */
function isLock(state: string): boolean {
  const flag = state[0];
  if (flag === 'f') return Buffer.byteLength(state) === 33;
  return (flag === 'h' || flag === 'H') && (state.length >= 72 || Buffer.byteLength(state) >= 72);
}

/** tonumber() of something that must be a number: Lua stops at arithmetic with nil. */
function toNumber(text: string | undefined): number {
  if (text === undefined || !/^\s*\d+(\.\d+)?\s*$/.test(text))
    throw new ReplyError('ERR user_script: attempt to perform arithmetic on a nil value');
  return Number(text);
}

/** string.match(tail, '^([^|]*)|') */
const channelOf = (tail: string) => (tail.includes('|') ? tail.slice(0, tail.indexOf('|')) : undefined);
/** string.match(tail, '^[^|]*|(.*)$') */
const labelOf = (tail: string) => (tail.includes('|') ? tail.slice(tail.indexOf('|') + 1) : undefined);

const NOT_A_LOCK = 'its value is not a lock';

// includes/promote.lua

const FIRST_LEASE_MS = 5_000;

interface Promotion {
  readonly fence: string;
  readonly lineage: string;
  readonly us: number;
  /** A token that needs no push. */
  readonly self?: string;
}

function promote(
  { redis, keys }: ScriptInput,
  next: Promotion,
): { token: string; leaseMs: number } | undefined {
  const [stateKey = '', queueKey = ''] = keys;
  const { fence, lineage, us, self } = next;
  for (;;) {
    const member = redis.zpopmin(queueKey);
    if (member === undefined) return undefined;
    const token = member.slice(0, 22);
    let leaseMs = toNumber(member.slice(22, 30));
    const tail = member.slice(30);
    let granted = token === self;
    if (!granted) {
      leaseMs = Math.min(leaseMs, FIRST_LEASE_MS);
      const push = `G${token}${fence}${lineage}${digits(us)}${String(leaseMs).padStart(8, '0')}${stateKey}`;
      granted = redis.publish(channelOf(tail), push) > 0;
    }
    if (granted) {
      const flag = redis.exists(queueKey) ? 'H' : 'h';
      redis.setPx(stateKey, flag + fence + lineage + digits(us) + token + tail, leaseMs);
      return { token, leaseMs };
    }
  }
}

const acquire: Script = (input) => {
  const { redis, keys, args } = input;
  const [stateKey = '', queueKey = ''] = keys;
  const [nonce = '', token = '', leaseMs = '', tail = '', waitFlag, ticket = ''] = args;
  const wait = waitFlag === '1';

  const grant = (fence: string, lineage: string): ScriptReply => {
    redis.setPx(stateKey, `h${fence}${lineage}${digits(us)}${token}${tail}`, toNumber(leaseMs));
    return [nonce, 1, fence, lineage, toNumber(leaseMs)];
  };
  const joinQueue = (): string => {
    let score = ticket === '0' ? us : Number(ticket);
    const member = token + leaseMs + tail;
    if (!redis.zaddNx(queueKey, { member, score })) score = redis.zscore(queueKey, member)!;
    redis.pexpire(queueKey, 90_000);
    return String(score);
  };

  const state = redis.get(stateKey);
  const us = redis.time();
  if (state !== undefined && !isLock(state)) return [nonce, -9, NOT_A_LOCK];
  if (state?.startsWith('f'))
    return grant(digits(Math.max(toNumber(fenceOf(state)) + 1, us)), lineageOf(state));
  if (state !== undefined) {
    const left = redis.pttl(stateKey);
    if (left === -1) return [nonce, -9, 'it would never run out'];
    if (ownerOf(state) === token) return [nonce, 1, fenceOf(state), lineageOf(state), left];
    if (!wait) return [nonce, 0, left];
    const score = joinQueue();
    if (state.startsWith('h')) redis.overwriteStart(stateKey, 'H');
    return [nonce, 2, left, score, String(us)];
  }

  const fence = digits(us);
  if (redis.exists(queueKey)) {
    const score = wait ? joinQueue() : '';
    const winner = promote(input, { fence, lineage: fence, us, self: token });
    if (winner?.token === token) return [nonce, 1, fence, fence, winner.leaseMs];
    if (winner !== undefined && wait) return [nonce, 2, winner.leaseMs, score, String(us)];
    if (winner !== undefined) return [nonce, 0, winner.leaseMs];
  }
  return grant(fence, fence);
};

/** The grant that follows a clean release. */
const successor = (redis: ScriptedRedis, state: string): Promotion => {
  const us = redis.time();
  return { fence: digits(Math.max(toNumber(fenceOf(state)) + 1, us)), lineage: lineageOf(state), us };
};

const release: Script = (input) => {
  const { redis, keys, args } = input;
  const [stateKey = '', queueKey = ''] = keys;
  const [nonce = '', token = '', keepMs = '', grant = '', member = ''] = args;
  if (member !== '') redis.zrem(queueKey, member);

  const state = redis.get(stateKey);
  if (state !== undefined && isLock(state) && ownerOf(state) === token) {
    redis.pexpire(stateKey, toNumber(keepMs));
    if (state.startsWith('h') || promote(input, successor(redis, state)) === undefined) {
      redis.setPx(stateKey, `f${state.slice(1, 33)}`, toNumber(keepMs));
    }
    return [nonce, 1];
  }
  if (grant === '') return [nonce, 3];
  if (state !== undefined && lineageOf(state) === grant.slice(16) && fenceOf(state) >= grant.slice(0, 16))
    return [nonce, 2];
  return [nonce, -1];
};

const renew: Script = ({ redis, keys, args }) => {
  const answers = keys.map((key, index) => {
    const [token, lease, grant] = args.slice(1 + index * 3, 4 + index * 3);
    const leaseMs = toNumber(lease);
    const state = redis.type(key) === 'string' ? redis.get(key) : undefined;
    if (state === undefined || !isLock(state) || ownerOf(state) !== token) return [-1];
    let left = redis.pttl(key);
    if (left < leaseMs) {
      redis.pexpire(key, leaseMs);
      left = leaseMs;
    }
    return state.slice(1, 33) === grant ? [1, left] : [1, left, fenceOf(state), lineageOf(state)];
  });
  return [args[0]!, ...answers];
};

const force: Script = (input) => {
  const { redis, keys, args } = input;
  const [stateKey = ''] = keys;
  const [nonce = '', keepMs = '', reason = ''] = args;
  const state = redis.get(stateKey);
  if (state !== undefined && !isLock(state)) return [nonce, -9, NOT_A_LOCK];
  if (state === undefined || state.startsWith('f')) return [nonce, 0];

  const label = labelOf(tailOf(state));
  redis.publish(channelOf(tailOf(state)), `L${ownerOf(state)}${reason}`);
  const us = redis.time();
  const fence = digits(Math.max(us, toNumber(fenceOf(state)) + 1));
  redis.pexpire(stateKey, toNumber(keepMs));
  if (promote(input, { fence, lineage: fence, us }) === undefined) {
    redis.setPx(stateKey, `f${fence}${fence}`, toNumber(keepMs));
  }
  return [nonce, 1, fenceOf(state), label!];
};

const inspect: Script = ({ redis, keys, args }) => {
  const [stateKey = '', queueKey = ''] = keys;
  const [nonce = ''] = args;
  const state = redis.get(stateKey);
  const waiting = redis.zcard(queueKey);
  if (state !== undefined && !isLock(state)) return [nonce, -9, NOT_A_LOCK];
  if (state === undefined || state.startsWith('f')) return [nonce, waiting];
  const label = labelOf(tailOf(state));
  return [
    nonce,
    waiting,
    fenceOf(state),
    state.slice(33, 49),
    redis.pttl(stateKey),
    ...(label === undefined ? [] : [label]),
  ];
};

const probe: Script = ({ redis, keys, args }) => {
  const [stateKey = '', queueKey = ''] = keys;
  const [nonce = '', channel = ''] = args;
  const reply: string[] = [nonce];
  const attempt = (command: string, work: () => unknown) => {
    try {
      work();
    } catch (error) {
      reply.push(`${command}: ${(error as Error).message}`);
    }
  };
  attempt('SET', () => redis.setPx(stateKey, 'probe', 1_000));
  attempt('GET', () => redis.get(stateKey));
  attempt('SETRANGE', () => redis.overwriteStart(stateKey, 'P'));
  attempt('PTTL', () => redis.pttl(stateKey));
  attempt('PEXPIRE', () => redis.pexpire(stateKey, 1_000));
  attempt('ZADD', () => redis.zaddNx(queueKey, { member: 'probe', score: 1 }));
  attempt('ZSCORE', () => redis.zscore(queueKey, 'probe'));
  attempt('ZCARD', () => redis.zcard(queueKey));
  attempt('PEXPIRE', () => redis.pexpire(queueKey, 1_000));
  attempt('ZREM', () => redis.zrem(queueKey, 'probe'));
  attempt('ZPOPMIN', () => redis.zpopmin(queueKey));
  attempt('EXISTS', () => redis.exists(queueKey));
  attempt('PEXPIRE', () => redis.pexpire(stateKey, 1));
  attempt('PUBLISH', () => redis.publish(channel, 'P'));
  return reply;
};

export const SCRIPTED: Readonly<Record<ScriptName, Script>> = {
  acquire,
  release,
  renew,
  force,
  inspect,
  probe,
};
