// over budget: one command of Redis after the other
import { type ScoredMember, withMember, withoutMember } from './sorted-members.js';

/** As ioredis throws it: the server itself refused. `lib/stores/redis/redis-errors.ts` knows it by its name. */
export class ReplyError extends Error {
  override readonly name = 'ReplyError';
}

const WRONGTYPE = 'WRONGTYPE Operation against a key holding the wrong kind of value';

// Jest makes each look at a global slow, and this runs millions of times.
const NEVER = Infinity;
const NO_FIELDS: ReadonlyMap<string, string> = new Map();
const { floor, max } = Math;
const { isFinite } = Number;

/** Entries are never changed, only replaced: a copy of the whole server is a copy of one map. */
type Entry =
  | { readonly type: 'string'; readonly value: string; readonly endsAtMs: number }
  | { readonly type: 'zset'; readonly members: readonly ScoredMember[]; readonly endsAtMs: number }
  | { readonly type: 'hash'; readonly fields: ReadonlyMap<string, string>; readonly endsAtMs: number };

export type { ScoredMember } from './sorted-members.js';

/** What a server may refuse as a whole: commands that write (READONLY), or that need memory before any other write (OOM). */
export type Refusal = 'READONLY' | 'OOM';

/** The world around a server. */
export interface ServerPlace {
  /** The server's wall clock, microseconds since 1970; may jump either way. Not read twice within one script. */
  nowUs(): number;
  /** How many listen on this channel here: as PUBLISH and PUBSUB NUMSUB count them. -1: this user may not ask. */
  listeners(channel: string): number;
  /** Hands a message to whoever hears it, elsewhere too. */
  publish(channel: string, message: string): void;
}

/**
 * The part of Redis that our scripts use, in memory: strings, sorted sets and hashes, each with an end. Time stands still while a script
 * runs, as in Redis 7.2 and later. Ends lie on the server's wall clock, as in Redis: when it jumps, leases end early or late.
 */
export class ScriptedRedis {
  refusal: Refusal | undefined;
  #keys = new Map<string, Entry>();
  #nowUs = 0;
  #hasWritten = false;

  constructor(readonly place: ServerPlace) {}

  /** A server in the same state, somewhere else. */
  copy(place: ServerPlace): ScriptedRedis {
    const copy = new ScriptedRedis(place);
    copy.#keys = new Map(this.#keys);
    copy.refusal = this.refusal;
    return copy;
  }

  /** Before each script or command: from here on time stands still. */
  begin(): void {
    this.#nowUs = this.place.nowUs();
    this.#hasWritten = false;
  }

  // The commands, as a script calls them.

  time(): number {
    return this.#nowUs;
  }

  get(key: string): string | undefined {
    const entry = this.#entry(key);
    if (entry === undefined) return undefined;
    if (entry.type !== 'string') throw new ReplyError(WRONGTYPE);
    return entry.value;
  }

  setPx(key: string, value: string, leaseMs: number): void {
    this.#write(true);
    if (!(leaseMs > 0)) throw new ReplyError("ERR invalid expire time in 'set' command");
    this.#keys.set(key, { type: 'string', value, endsAtMs: this.#nowMs + leaseMs });
  }

  /** SET key value, without an end */
  set(key: string, value: string): void {
    this.#write(true);
    this.setForever(key, value);
  }

  /** DEL */
  del(...keys: readonly string[]): void {
    this.#write(false);
    for (const key of keys) this.#keys.delete(key);
  }

  /** SETRANGE key 0 text */
  overwriteStart(key: string, text: string): void {
    this.#write(true);
    const value = this.get(key) ?? '';
    const endsAtMs = this.#entry(key)?.endsAtMs ?? NEVER;
    this.#keys.set(key, { type: 'string', value: text + value.slice(text.length), endsAtMs });
  }

  /** -2: no such key, -1: it has no end */
  pttl(key: string): number {
    const entry = this.#entry(key);
    if (entry === undefined) return -2;
    return entry.endsAtMs === NEVER ? -1 : entry.endsAtMs - this.#nowMs;
  }

  pexpire(key: string, leaseMs: number): void {
    this.#write(false);
    const entry = this.#entry(key);
    if (entry === undefined) return;
    if (leaseMs > 0) this.#keys.set(key, { ...entry, endsAtMs: this.#nowMs + leaseMs });
    else this.#keys.delete(key);
  }

  /** Does any of them? */
  exists(...keys: readonly string[]): boolean {
    return keys.some((key) => this.#entry(key) !== undefined);
  }

  /** ZADD key NX score member. @returns was it new? */
  zaddNx(key: string, one: ScoredMember): boolean {
    return this.zadd(key, one, true);
  }

  /** ZADD key [NX] score member. @returns was it new? */
  zadd(key: string, one: ScoredMember, onlyNew = false): boolean {
    this.#write(true);
    if (!isFinite(one.score)) throw new ReplyError('ERR value is not a valid float');
    const members = this.#members(key);
    const others = withoutMember(members, one.member);
    const isNew = others.length === members.length;
    if (isNew || !onlyNew) this.#putMembers(key, withMember(others, one));
    return isNew;
  }

  zscore(key: string, member: string): number | undefined {
    return this.#members(key).find((other) => other.member === member)?.score;
  }

  /** @returns was it there? */
  zrem(key: string, member: string): boolean {
    this.#write(false);
    const members = this.#members(key);
    const others = withoutMember(members, member);
    if (others.length < members.length) this.#putMembers(key, others);
    return others.length < members.length;
  }

  zpopmin(key: string): string | undefined {
    this.#write(false);
    const [first, ...others] = this.#members(key);
    if (first !== undefined) this.#putMembers(key, others);
    return first?.member;
  }

  zcard(key: string): number {
    return this.#members(key).length;
  }

  /** Members in order, with their scores. */
  zrange(key: string): readonly ScoredMember[] {
    return this.#members(key);
  }

  hset(key: string, field: string, value: string): void {
    this.#write(true);
    const fields = new Map(this.#fields(key)).set(field, value);
    this.#keys.set(key, { type: 'hash', fields, endsAtMs: this.#entry(key)?.endsAtMs ?? NEVER });
  }

  hget(key: string, field: string): string | undefined {
    return this.#fields(key).get(field);
  }

  hdel(key: string, field: string): void {
    this.#write(false);
    const fields = new Map(this.#fields(key));
    if (!fields.delete(field)) return;
    if (fields.size === 0) this.#keys.delete(key);
    else this.#keys.set(key, { ...this.#entry(key)!, type: 'hash', fields });
  }

  /** HGETALL, in the order of the fields' names. */
  hgetall(key: string): readonly (readonly [field: string, value: string])[] {
    return [...this.#fields(key)].toSorted(([a], [b]) => (a < b ? -1 : 1));
  }

  /** PUBSUB NUMSUB */
  listeners(channel: string): number {
    return this.place.listeners(channel);
  }

  /** @returns how many listen here */
  publish(channel: string, message: string): number {
    const listeners = this.place.listeners(channel);
    this.place.publish(channel, message);
    return max(0, listeners);
  }

  // What happens to a server besides scripts.

  /** FLUSHALL, or a restart without persistence. */
  wipe(): void {
    this.#keys.clear();
  }

  /** DEL: an eviction, or an operator. */
  drop(key: string): void {
    this.#keys.delete(key);
  }

  /** SET without an end: another program, or an operator. */
  setForever(key: string, value: string): void {
    this.#keys.set(key, { type: 'string', value, endsAtMs: NEVER });
  }

  /** Only what has not run out, in the order of their names. */
  keys(): string[] {
    return [...this.#keys.keys()].filter((key) => this.#entry(key) !== undefined).toSorted();
  }

  type(key: string): Entry['type'] | undefined {
    return this.#entry(key)?.type;
  }

  get #nowMs(): number {
    return floor(this.#nowUs / 1_000);
  }

  #entry(key: string): Entry | undefined {
    const entry = this.#keys.get(key);
    if (entry === undefined || this.#nowMs <= entry.endsAtMs) return entry;
    this.#keys.delete(key);
    return undefined;
  }

  #members(key: string): readonly ScoredMember[] {
    const entry = this.#entry(key);
    if (entry === undefined) return [];
    if (entry.type !== 'zset') throw new ReplyError(WRONGTYPE);
    return entry.members;
  }

  #fields(key: string): ReadonlyMap<string, string> {
    const entry = this.#entry(key);
    if (entry === undefined) return NO_FIELDS;
    if (entry.type !== 'hash') throw new ReplyError(WRONGTYPE);
    return entry.fields;
  }

  #putMembers(key: string, members: readonly ScoredMember[]): void {
    const endsAtMs = this.#entry(key)?.endsAtMs ?? NEVER;
    if (members.length === 0) this.#keys.delete(key);
    else this.#keys.set(key, { type: 'zset', members, endsAtMs });
  }

  /** A script that has written once may go on writing when memory is full: half a script would be worse. */
  #write(needsMemory: boolean): void {
    if (this.refusal === 'READONLY')
      throw new ReplyError("READONLY You can't write against a read only replica.");
    if (this.refusal === 'OOM' && needsMemory && !this.#hasWritten) {
      throw new ReplyError("OOM command not allowed when used memory > 'maxmemory'.");
    }
    this.#hasWritten = true;
  }
}
