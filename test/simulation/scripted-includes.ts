/** lib/stores/redis/scripts/includes/*.lua, line by line: see scripted-scripts.ts. */
import { ReplyError, type ScriptedRedis } from './scripted-redis.js';
import type { ScriptName, ScriptReply } from '../../lib/stores/redis/redis-link.js';

export interface ScriptInput {
  readonly redis: ScriptedRedis;
  readonly keys: readonly string[];
  /** The first is the nonce. */
  readonly args: readonly string[];
}

export type Script = (input: ScriptInput) => ScriptReply;
export type Scripts = Readonly<Record<ScriptName, Script>>;

/** The two keys of one lock. */
export interface LockKeys {
  readonly state: string;
  readonly queue: string;
}

/** Jest makes each look at a global slow, and this runs millions of times. */
const { max, min } = Math;

// includes/state.lua

export const digits = (number: number) => String(number).padStart(16, '0');
export const nextFence = (last: number, us: number) => digits(max(last + 1, us));
export const fenceOf = (state: string) => state.slice(1, 17);
export const lineageOf = (state: string) => state.slice(17, 33);
export const grantedOf = (state: string) => state.slice(33, 49);
export const ownerOf = (state: string) => state.slice(49, 71);
export const tailOf = (state: string) => state.slice(71);

/** `#` in Lua counts bytes. Only a foreign value has others than ASCII before its tail. */
export function isLock(state: string): boolean {
  const flag = state[0];
  if (flag === 'f') return Buffer.byteLength(state) === 33;
  return (flag === 'h' || flag === 'H') && (state.length >= 72 || Buffer.byteLength(state) >= 72);
}

/** tonumber() of something that must be a number: Lua stops at arithmetic with nil. */
export function toNumber(text: string | undefined): number {
  if (text === undefined || !/^\s*\d+(\.\d+)?\s*$/.test(text))
    throw new ReplyError('ERR user_script: attempt to perform arithmetic on a nil value');
  return Number(text);
}

/** string.match(tail, '|(.*)$') */
export const labelOf = (tail: string) => (tail.includes('|') ? tail.slice(tail.indexOf('|') + 1) : undefined);

/** The answer about a state that is none of ours. */
export function notOurs(state: string): [code: number, what: string] {
  const format = /^v(\d+):/.exec(state)?.[1];
  return format === undefined ? [-9, 'its value is not a lock'] : [-10, format];
}

// includes/listeners.lua

export const channelOf = (tail: string) => /^[^!|]*/.exec(tail)![0];
export const listenersOn = (redis: ScriptedRedis, tail: string) =>
  /^[^!|]*!/.test(tail) ? -1 : redis.listeners(channelOf(tail));

// includes/promote.lua

const FIRST_LEASE_MS = 5_000;
const KEPT_FOR_POLL_MS = 1_000;

export interface Promotion {
  readonly fence: string;
  readonly lineage: string;
  readonly us: number;
  /** A token that needs no push. */
  readonly self?: string;
}

export interface Promoted {
  readonly token: string;
  readonly leaseMs: number;
}

export function promote(redis: ScriptedRedis, keys: LockKeys, grant: Promotion): Promoted | undefined {
  const carried = grant.fence + grant.lineage + digits(grant.us);
  for (;;) {
    const member = redis.zpopmin(keys.queue);
    if (member === undefined) return undefined;
    const token = member.slice(0, 22);
    let leaseMs = toNumber(member.slice(22, 30));
    const tail = member.slice(30);
    let granted = token === grant.self;
    if (!granted) {
      const channel = channelOf(tail);
      const listeners = listenersOn(redis, tail);
      leaseMs = min(leaseMs, listeners < 0 ? KEPT_FOR_POLL_MS : FIRST_LEASE_MS);
      if (listeners > 0) {
        const push = `G${token}${carried}${String(leaseMs).padStart(8, '0')}${keys.state}`;
        granted = redis.publish(channel, push) > 0;
      } else {
        redis.publish(channel, `W${token}`);
        granted = listeners < 0;
      }
    }
    if (granted) {
      const flag = redis.exists(keys.queue) ? 'H' : 'h';
      redis.setPx(keys.state, flag + carried + token + tail, leaseMs);
      return { token, leaseMs };
    }
  }
}

// includes/queue.lua

export const NO_TICKET = digits(0);

/** A request, as in acquire.lua. */
export const tokenIn = (request: string) => request.slice(0, 22);
export const leaseIn = (request: string) => request.slice(22, 30);
export const waitsIn = (request: string) => request[30] === '1';
export const ticketIn = (request: string) => request.slice(31, 47);
export const mostQueuedIn = (request: string) => Number(request.slice(47, 55));
export const tailIn = (request: string) => request.slice(55);

/** @returns the ticket; undefined: the queue is full */
export function joinQueue(
  redis: ScriptedRedis,
  queueKey: string,
  { request, us, most = Infinity }: { request: string; us: number; most?: number },
): string | undefined {
  const member = tokenIn(request) + leaseIn(request) + tailIn(request);
  let ticket = ticketIn(request);
  if (ticket === NO_TICKET) {
    const isFull = most !== Infinity && redis.zcard(queueKey) >= most;
    if (isFull && redis.zscore(queueKey, member) === undefined) return undefined;
    ticket = digits(us);
  }
  if (!redis.zaddNx(queueKey, { member, score: Number(ticket) }))
    ticket = digits(redis.zscore(queueKey, member)!);
  redis.pexpire(queueKey, 90_000);
  return ticket;
}

// includes/batch.lua, and the loop before it

/** Answers one request by its text. */
export type Work = (lock: LockKeys, request: string) => ScriptReply;

/** @param usual the usual case, for all of them before anything else is done; undefined: it is another one, or was refused */
export function forEachRequest(
  { keys, args }: ScriptInput,
  first: number,
  { usual, work }: { usual?: (...asked: Parameters<Work>) => ScriptReply | undefined; work: Work },
): ScriptReply {
  const asked = args
    .slice(first)
    .map((request, i) => [{ state: keys[i * 2]!, queue: keys[i * 2 + 1]! }, request] as const);
  const quick = asked.map(([lock, request]) => {
    try {
      return usual?.(lock, request);
    } catch (error) {
      if (error instanceof ReplyError) return undefined;
      throw error;
    }
  });
  const answers = quick.map((answer, i) => {
    try {
      return answer ?? work(...asked[i]!);
    } catch (error) {
      if (!(error instanceof ReplyError) || error.message.startsWith('READONLY')) throw error;
      return [-8, error.message];
    }
  });
  return [args[0]!, ...answers];
}
