// over budget: one file of Lua, line by line
import type { GateKeys } from '../../../lib/stores/redis/redis-keys.js';
import type { ScriptReply } from '../../../lib/stores/redis/redis-link.js';
import {
  channelOf,
  digits,
  isAtGate,
  isLock,
  nextFence,
  notOurs,
  offer,
  toNumber,
} from '../scripted-includes.js';
import type { ScriptedRedis } from '../scripted-redis.js';
import * as record from './gate-record.js';

export interface Told {
  readonly keepMs: number;
  /** A token that needs no push. */
  readonly self?: string;
  /** Makes a gate of what lies there instead; or says why not. */
  readonly open?: (state: string | undefined) => record.Gate | ScriptReply;
}

/** Jest makes each look at a global slow. */
const { floor, max, min } = Math;

const hasText = (text: string | undefined): text is string => text !== undefined;

/**
 * lib/stores/redis/scripts/includes/gate.lua, line by line: see scripted-scripts.ts. One script at the gate of one name. A class, so that
 * a seeded bug is one method of another one: gate-bugs.ts.
 */
export class ScriptedGate {
  readonly us: number;
  readonly now: string;
  readonly nowMs: number;
  gate!: record.Gate;

  constructor(
    readonly redis: ScriptedRedis,
    /** A script that was not given one of them does not ask for it. */
    readonly keys: GateKeys,
  ) {
    this.us = redis.time();
    this.now = digits(this.us);
    this.nowMs = floor(this.us / 1_000);
  }

  /** at_gate: `work` answers; what it made of the gate is saved. */
  atGate(told: Told, work: () => ScriptReply): ScriptReply {
    const state = this.redis.get(this.keys.state);
    let found = this.find(state);
    if (Array.isArray(found) && found[0] === -12 && told.open !== undefined) found = told.open(state);
    if (Array.isArray(found)) return found as ScriptReply;
    this.gate = found as record.Gate;
    try {
      if (this.gate.isFresh !== true && this.purge()) this.letIn(told.self);
      return work();
    } finally {
      if (this.gate.changed === true) this.save(told.keepMs);
    }
  }

  /** find_gate */
  find(state: string | undefined): record.Gate | ScriptReply {
    if (state === undefined || isLock(state)) return [-12];
    const gate = record.parseGate(state);
    if (gate !== undefined) return gate;
    return isAtGate(state) ? [-9, 'its value is not a lock'] : notOurs(state);
  }

  count({ mode, weight }: { readonly mode: string; readonly weight: number }, by: 1 | -1): void {
    const { gate } = this;
    if (mode === 'x') gate.x = by > 0;
    else if (mode === 'i') gate.is += by;
    else if (mode === 'I') gate.ix += by;
    else {
      gate.used += weight * by;
      if (mode === 'u') gate.u = by > 0;
    }
    gate.changed = true;
  }

  get isHeld(): boolean {
    const { used, x, is, ix } = this.gate;
    return used > 0 || x || is > 0 || ix > 0;
  }

  recordOf(token: string): string | undefined {
    return this.redis.hget(this.keys.records, token);
  }

  writeRecord(token: string, hold: Omit<record.GateHold, 'left'>): void {
    this.redis.hset(this.keys.records, token, record.recordText(hold));
  }

  leave(token: string, hold: record.GateHold): void {
    const { redis, keys, gate } = this;
    redis.zrem(keys.holders, token);
    redis.hdel(keys.records, token);
    this.count(hold, -1);
    gate.longestLeft = max(gate.longestLeft ?? 0, hold.left);
    if (hold.mode === 'u') redis.zrem(keys.waiting, record.upgradeMember(token, hold.tail));
  }

  breakLineage(): void {
    const { gate } = this;
    gate.fence = gate.lineage = nextFence(toNumber(gate.fence), this.us);
    gate.changed = true;
  }

  recount(): void {
    const { redis, keys, gate } = this;
    Object.assign(gate, { used: 0, is: 0, ix: 0, u: false, x: false, isOdd: true });
    for (const { member: token } of redis.zrange(keys.holders)) {
      const found = this.recordOf(token);
      if (found === undefined) redis.zrem(keys.holders, token);
      else this.count(record.parseRecord(found), 1);
    }
    this.breakLineage();
  }

  /** @returns was the lease of anybody over? */
  purge(): boolean {
    const { redis, keys, gate } = this;
    const [first] = redis.zrange(keys.holders);
    gate.first = first?.member;
    gate.firstEnds = first?.score;
    if (first !== undefined && first.score >= this.nowMs) return false;
    if (first === undefined && !this.isHeld) return false;

    const over = redis.zrange(keys.holders).filter(({ score }) => score < this.nowMs);
    let isWhole = true;
    for (const { member: token } of over) {
      const found = this.recordOf(token);
      isWhole &&= found !== undefined;
      if (found === undefined) redis.zrem(keys.holders, token);
      else this.leave(token, record.parseRecord(found));
    }
    isWhole &&= !this.isHeld || redis.exists(keys.holders);
    if (!isWhole) this.recount();
    else if (over.length > 0) this.breakLineage();
    return over.length > 0 || !isWhole;
  }

  holdOf(token: string): record.GateHold | undefined {
    const { redis, keys, gate } = this;
    const isFirst = gate.changed !== true && token === gate.first;
    const endsMs = isFirst ? gate.firstEnds : redis.zscore(keys.holders, token);
    const found = endsMs === undefined ? undefined : this.recordOf(token);
    return hasText(found) ? { ...record.parseRecord(found), left: endsMs! - this.nowMs } : undefined;
  }

  nextEnd(): number {
    const { redis, keys, gate } = this;
    const first = gate.changed === true ? redis.zrange(keys.holders)[0]?.score : gate.firstEnds;
    return first === undefined ? 0 : first - this.nowMs;
  }

  fits(mode: string, weight = 1, limit = this.gate.limit): boolean {
    const { x, u, used, is, ix } = this.gate;
    if (x) return false;
    if (mode === 'x') return used === 0 && is === 0 && ix === 0;
    if (mode === 'l') return used + weight <= limit;
    if (mode === 'U') return u && used === 1 && is === 0 && ix === 0;
    if (mode === 'i') return true;
    if (mode === 'I') return used === 0;
    return ix === 0 && (mode === 's' || !u);
  }

  /** The token of whoever is granted next. */
  nextFence(): string {
    return nextFence(toNumber(this.gate.fence), this.us);
  }

  admit({ token, mode, weight, tail }: record.GateRequest, leaseMs: number): record.GateHold {
    const { redis, keys, gate } = this;
    const fence = this.nextFence();
    const endsMs = this.nowMs + leaseMs;
    redis.zadd(keys.holders, { member: token, score: endsMs });
    Object.assign(gate, { fence, isLonger: true, lastEnds: gate.isFresh === true ? endsMs : undefined });
    this.count({ mode, weight }, 1);
    const hold = { fence, granted: this.now, mode, weight, tail };
    this.writeRecord(token, hold);
    return { ...hold, left: leaseMs };
  }

  raise(token: string, hold: record.GateHold): void {
    const { gate } = this;
    hold.fence = gate.fence = this.nextFence();
    this.count({ mode: 'u', weight: 1 }, -1);
    hold.mode = 'x';
    this.count({ mode: 'x', weight: 1 }, 1);
    this.writeRecord(token, hold);
  }

  letIn(self?: string): void {
    const { redis, keys, gate } = this;
    for (;;) {
      const member = redis.zrange(keys.waiting)[0]?.member;
      gate.isWaitedFor = member !== undefined;
      if (member === undefined) return;
      const token = member.slice(0, 22);
      const mode = member.slice(32, 33);
      const weight = Number(member.slice(33, 43));
      const request = { token, mode, weight, tail: member.slice(43) };
      const hold = mode === 'U' ? this.holdOf(token) : undefined;
      const isOver = mode === 'U' && hold === undefined;
      const isTooHeavy = mode === 'l' && weight > gate.limit;
      if (!isOver && !isTooHeavy && !this.fits(mode, weight)) return;
      redis.zrem(keys.waiting, member);
      gate.changed = true;
      if (isTooHeavy) redis.publish(channelOf(request.tail), `W${token}`);
      else if (!isOver) {
        const askedMs = hold === undefined ? toNumber(member.slice(22, 32)) : min(hold.left, 99_999_999);
        const leaseMs = token === self ? askedMs : this.offer(request, askedMs);
        if (leaseMs !== undefined && hold !== undefined) this.raise(token, hold);
        else if (leaseMs !== undefined) this.admit(request, leaseMs);
      }
    }
  }

  /** @returns the lease that it has; undefined: it has nothing */
  offer({ token, tail }: record.GateRequest, leaseMs: number): number | undefined {
    const carried = this.nextFence() + this.gate.lineage + this.now;
    return offer(this.redis, this.keys.state, { token, tail, leaseMs, carried });
  }

  save(keepMs: number): void {
    const { redis, keys, gate } = this;
    const last = gate.lastEnds ?? (this.isHeld ? redis.zrange(keys.holders).at(-1)?.score : undefined);
    const isWaitedFor = gate.isWaitedFor ?? redis.exists(keys.waiting);
    if (last === undefined && !isWaitedFor) {
      redis.setPx(keys.state, `f${gate.fence}${gate.lineage}`, keepMs);
      if (gate.isOdd === true) redis.del(keys.holders, keys.records);
      return;
    }
    const lastsMs = last === undefined ? 0 : last - this.nowMs + 1_000;
    redis.setPx(keys.state, record.gateText(gate), max(lastsMs, isWaitedFor ? 90_000 : 0));
    if (last === undefined) return;
    if (gate.isLonger === true || (gate.longestLeft ?? 0) > lastsMs) {
      redis.pexpire(keys.holders, lastsMs);
      redis.pexpire(keys.records, lastsMs);
    }
  }
}
