// over budget: the includes of the scripts, line by line.
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

/** Format 2: another script answers. */
export const isAtGate = (state: string | undefined) => state?.startsWith('v2:') === true;

/** The answer about a state that is none of ours. */
export function notOurs(state: string): [code: number, what: string] {
  if (isAtGate(state)) return [-11, '2'];
  const format = /^v(\d+):/.exec(state)?.[1];
  return format === undefined ? [-9, 'its value is not a lock'] : [-10, format];
}

// includes/listeners.lua

export const channelOf = (tail: string) => /^[^!|]*/.exec(tail)![0];
export const listenersOn = (redis: ScriptedRedis, tail: string) =>
  /^[^!|]*!/.test(tail) ? -1 : redis.listeners(channelOf(tail));

// includes/offer.lua

const FIRST_LEASE_MS = 5_000;
const KEPT_FOR_POLL_MS = 1_000;

interface Offer {
  readonly token: string;
  readonly tail: string;
  readonly leaseMs: number;
  /** Fence, lineage and time of the grant. */
  readonly carried: string;
}

/** @returns the lease that it has; undefined: it has nothing */
export function offer(
  redis: ScriptedRedis,
  stateKey: string,
  { token, tail, leaseMs, carried }: Offer,
): number | undefined {
  const channel = channelOf(tail);
  const listeners = listenersOn(redis, tail);
  const givenMs = min(leaseMs, listeners < 0 ? KEPT_FOR_POLL_MS : FIRST_LEASE_MS);
  if (listeners > 0) {
    const push = `G${token}${carried}${String(givenMs).padStart(8, '0')}${stateKey}`;
    return redis.publish(channel, push) > 0 ? givenMs : undefined;
  }
  redis.publish(channel, `W${token}`);
  return listeners < 0 ? givenMs : undefined;
}

// includes/promote.lua

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
    const askedMs = toNumber(member.slice(22, 30));
    const tail = member.slice(30);
    const leaseMs =
      token === grant.self ? askedMs : offer(redis, keys.state, { token, tail, leaseMs: askedMs, carried });
    if (leaseMs !== undefined) {
      const flag = redis.exists(keys.queue) ? 'H' : 'h';
      redis.setPx(keys.state, flag + carried + token + tail, leaseMs);
      return { token, leaseMs };
    }
  }
}

// includes/least.lua

const MOST_WOKEN = 16;

export const nobodys = (token: string) => `!${token.slice(1)}`;

export function restMs(us: number, granted: string, leastMs: number): number {
  return min(leastMs, leastMs - Math.floor((us - toNumber(granted)) / 1_000));
}

export function wakeFirst(redis: ScriptedRedis, queueKey: string): void {
  let members: readonly { readonly member: string }[] = [];
  try {
    members = redis.zrange(queueKey).slice(0, MOST_WOKEN);
  } catch (error) {
    if (!(error instanceof ReplyError)) throw error;
  }
  for (const { member } of members)
    if (redis.publish(channelOf(member.slice(30)), `W${member.slice(0, 22)}`) > 0) return;
}

// includes/queue.lua

export const NO_TICKET = digits(0);

/** Terms and owner of a request, as in acquire.lua. */
export const leaseIn = (terms: string) => terms.slice(0, 8);
export const waitsIn = (terms: string) => terms[8] === 'w';
export const ticketIn = (terms: string) => terms.slice(9, 25);
export const mostQueuedIn = (terms: string) => Number(terms.slice(25, 33));
export const tokenIn = (owner: string) => owner.slice(0, 22);
export const tailIn = (owner: string) => owner.slice(22);

/** string.match(terms, '[1-9]%d*') */
export const shortestIn = (terms: string) => toNumber(/[1-9]\d*/.exec(terms)?.[0]);

/** @returns the ticket; undefined: the queue is full */
export function joinQueue(
  redis: ScriptedRedis,
  queueKey: string,
  { terms, owner, us, most = Infinity }: { terms: string; owner: string; us: number; most?: number },
): string | undefined {
  const member = tokenIn(owner) + leaseIn(terms) + tailIn(owner);
  return takePlace(redis, queueKey, { member, ticket: ticketIn(terms), us, most });
}

/** @returns the ticket; undefined: the queue is full */
export function takePlace(
  redis: ScriptedRedis,
  queueKey: string,
  { member, us, most, ...asked }: { member: string; ticket: string; us: number; most: number },
): string | undefined {
  let { ticket } = asked;
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

/** One request of those that travel together. */
export interface Asked<K extends string = keyof LockKeys> {
  readonly lock: Readonly<Record<K, string>>;
  readonly terms: string;
  /** The arguments that are its own. */
  readonly own: readonly string[];
}

/** Answers one request. */
export type Work<K extends string = keyof LockKeys> = (asked: Asked<K>) => ScriptReply;

const PLAIN_KEYS = ['state', 'queue'] as const;
const GATE_KEYS = ['state', 'waiting', 'holders', 'records'] as const;

/** Scripts that carry many requests: how many arguments of each are its own, and which keys. */
export const BATCHES = {
  acquire: { own: 1, names: PLAIN_KEYS },
  release: { own: 2, names: PLAIN_KEYS },
  yield: { own: 2, names: PLAIN_KEYS },
  'gate-acquire': { own: 1, names: ['state', 'queue', 'waiting', 'holders', 'records', 'limit'] },
  'gate-release': { own: 1, names: GATE_KEYS },
  'gate-renew': { own: 1, names: GATE_KEYS },
} as const;

export type BatchName = keyof typeof BATCHES;

/** How a batch is put together. */
interface Batch<K extends string> {
  readonly own: number;
  readonly names: readonly K[];
}

export const isBatch = (script: ScriptName): script is BatchName => script in BATCHES;

export function requestsOf<K extends string>(
  { keys, args }: Pick<ScriptInput, 'keys' | 'args'>,
  { own, names }: Batch<K>,
): Asked<K>[] {
  const count = keys.length / names.length;
  const each = (args.length - 1) / count;
  return Array.from({ length: count }, (_, index) => {
    const end = 1 + (index + 1) * each;
    const terms = each > own ? args[end - own - 1]! : args[0]!;
    const lock: Partial<Record<K, string>> = {};
    for (const [place, name] of names.entries()) lock[name] = keys[place * count + index]!;
    return { lock: lock as Record<K, string>, terms, own: args.slice(end - own, end) };
  });
}

/**
 * @param usual the usual case, for all of them before anything else is done; undefined: it is another one, or was refused
 * @returns the answers, with all their fields: what is as usual is left out on the wire, see reply-text.ts
 */
export function answersTo<K extends string>(
  input: ScriptInput,
  batch: Batch<K>,
  { usual, work }: { usual?: (asked: Asked<K>) => ScriptReply | undefined; work: Work<K> },
): ScriptReply[] {
  const requests = requestsOf(input, batch);
  const quick = requests.map((asked) => {
    try {
      return usual?.(asked);
    } catch (error) {
      if (error instanceof ReplyError) return undefined;
      throw error;
    }
  });
  return quick.map((answer, i) => {
    try {
      return answer ?? work(requests[i]!);
    } catch (error) {
      if (!(error instanceof ReplyError) || error.message.startsWith('READONLY')) throw error;
      return [-8, error.message];
    }
  });
}
