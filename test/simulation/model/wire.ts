import type { ScriptReply } from '../../../lib/stores/redis/redis-link.js';
import type { ScriptedServer } from '../scripted-server.js';
import {
  KEEP_MS,
  KEYS,
  LEASE_MS,
  type Push,
  type Reply,
  type Request,
  ticksOf,
  type TokenId,
  type View,
} from './world.js';

/** Between the model's numbers and the bytes that the scripts see. */

const FILLER = '-'.repeat(20);
const LEASE = String(LEASE_MS).padStart(8, '0');

const tokenText = (token: TokenId) => `${token >> 3}${token & 7}${FILLER}`;
const tokenOf = (text: string) => Number(text[0]) * 8 + Number(text[1]);
const digits = (number: number) => String(number).padStart(16, '0');
const tailOf = (token: TokenId) => `${channelOf(token >> 3)}|`;

export const channelOf = (client: number) => `c${client}`;
export const clientOfChannel = (channel: string) => Number(channel[1]);

/** @param mostQueued how many waiters the queue takes */
export function argumentsOf(request: Request, mostQueued: number): string[] {
  const { does, token, fence, lineage, used, successor } = request;
  const terms = (waits: boolean, ticket: number) =>
    LEASE + (waits ? 'w' : '-') + digits(ticket) + String(mostQueued).padStart(8, '0');
  const owner = (asking: TokenId) => tokenText(asking) + tailOf(asking);
  if (does === 'acquire') return [terms(request.waits, request.ticket), owner(token)];
  if (does === 'yield') {
    const hold = tokenText(token) + digits(fence) + digits(lineage) + digits(used);
    return [terms(true, 0), hold, owner(successor)];
  }
  if (does === 'renew') {
    const grant = fence === 0 ? '' : digits(fence) + digits(lineage);
    return ['', tokenText(token), String(LEASE_MS), grant];
  }
  const [known, its] = [digits(fence), digits(lineage)];
  const keep = `${String(KEEP_MS).padStart(8, '0')} ${request.member ? LEASE : '00000000'}`;
  return [keep, `h${known}${its}${known}${owner(token)}`, `f${digits(used)}${its}`];
}

export function keysOf(request: Request): readonly string[] {
  return request.does === 'renew' ? KEYS.slice(0, 1) : KEYS;
}

/** The one answer of a batch of one. */
export function readReply(request: Request, raw: ScriptReply): Reply {
  const nothing = { fence: 0, lineage: 0, left: 0, ticket: 0, serverUs: 0 };
  const about = { request, lag: request.age, ...nothing };
  const [code, second, third, fourth] = raw[1] as ScriptReply;
  if (request.does === 'renew') {
    const grant = { fence: Number(third ?? 0), lineage: Number(fourth ?? 0) };
    return { ...about, ...grant, code: Number(code), left: ticksOf(Number(second ?? 0)) };
  }
  if (code === 1 && request.does !== 'release')
    return { ...about, code, fence: Number(second), lineage: Number(third), left: ticksOf(Number(fourth)) };
  if (code === 2 && request.does !== 'release')
    return { ...about, code, ticket: Number(third ?? 0), serverUs: Number(fourth ?? 0) };
  return { ...about, code: Number(code) };
}

export function readPush(message: string): Push {
  const nothing = { fence: 0, lineage: 0, grantedUs: 0 };
  const about = { token: tokenOf(message.slice(1)), age: 0 };
  const kind = { forced: message.startsWith('L'), woken: message.startsWith('W') };
  if (kind.forced || kind.woken) return { ...about, ...kind, ...nothing };
  return {
    ...about,
    ...kind,
    fence: Number(message.slice(23, 39)),
    lineage: Number(message.slice(39, 55)),
    grantedUs: Number(message.slice(55, 71)),
  };
}

export function look(server: ScriptedServer): View {
  const { redis } = server;
  const [stateKey, queueKey] = KEYS;
  const state = redis.get(stateKey) ?? '';
  const flag = state.slice(0, 1) as View['flag'];
  const held = flag === 'h' || flag === 'H';
  const left = redis.pttl(stateKey);
  return {
    flag,
    fence: Number(state.slice(1, 17)),
    lineage: Number(state.slice(17, 33)),
    owner: held ? tokenOf(state.slice(49)) : -1,
    ticksLeft: ticksOf(Math.max(0, left)),
    queue: redis.zrange(queueKey).map(({ member, score }) => ({ token: tokenOf(member), ticket: score })),
    endless: left === -1 || redis.pttl(queueKey) === -1,
  };
}
