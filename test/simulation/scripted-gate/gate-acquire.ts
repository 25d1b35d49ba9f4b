/** lib/stores/redis/scripts/gate-acquire.lua and includes/gate-open.lua, line by line: see scripted-scripts.ts. */
import type { GateKeys } from '../../../lib/stores/redis/redis-keys.js';
import type { ScriptReply } from '../../../lib/stores/redis/redis-link.js';
import {
  answersTo,
  type Asked,
  BATCHES,
  channelOf,
  fenceOf,
  grantedOf,
  listenersOn,
  NO_TICKET,
  ownerOf,
  type Script,
  tailOf,
  takePlace,
  toNumber,
} from '../scripted-includes.js';
import { type Gate, type GateHold, newGate } from './gate-record.js';
import type { ScriptedGate } from './scripted-gate.js';

const LONGEST_PLAIN_MS = 99_999_999;

const isOfThisRelease = (tail: string) => /^[^!|]*:c:~[\w-]+[!|]/.test(tail);
const isHeld = (state: string | undefined): state is string => state !== undefined && !state.startsWith('f');

/** gate-open.lua: open_gate */
export function openGate(work: ScriptedGate, state: string | undefined): Gate | ScriptReply {
  const { redis, keys } = work;
  const waiting = redis.zrange(keys.queue);
  if (isHeld(state) && !isOfThisRelease(tailOf(state))) return [-13];
  if (!waiting.every(({ member }) => isOfThisRelease(member.slice(30)))) return [-13];

  const gate = (work.gate = newGate(state, work.us));
  if (redis.exists(keys.holders, keys.records)) redis.del(keys.holders, keys.records);
  if (isHeld(state)) {
    redis.zadd(keys.holders, { member: ownerOf(state), score: work.nowMs + redis.pttl(keys.state) });
    gate.isLonger = true;
    const hold = { mode: 'x', weight: 1 };
    work.count(hold, 1);
    const [fence, granted, tail] = [fenceOf(state), grantedOf(state), tailOf(state)];
    work.writeRecord(ownerOf(state), { ...hold, fence, granted, tail });
  }
  for (const { member, score } of waiting) {
    const moved = `${member.slice(0, 22)}00${member.slice(22, 30)}x0000000001${member.slice(30)}`;
    redis.zaddNx(keys.waiting, { member: moved, score });
    gate.changed = true;
  }
  if (waiting.length > 0) {
    redis.del(keys.queue);
    redis.pexpire(keys.waiting, 90_000);
  }
  return gate;
}

interface Request {
  readonly token: string;
  readonly tail: string;
  readonly member: string;
  readonly leaseMs: number;
  readonly waits: boolean;
  readonly ticket: string;
  readonly most: number;
  readonly mode: string;
  readonly weight: number;
  readonly limit: number;
  readonly keepMs: number;
  /** What an operator has set, once it was read; null: nothing. */
  stored: string | null | undefined;
}

function parseRequest(terms: string, owner: string): Request {
  return {
    token: owner.slice(0, 22),
    tail: owner.slice(22),
    member: owner.slice(0, 22) + terms.slice(0, 10) + terms.slice(35, 46) + owner.slice(22),
    leaseMs: toNumber(terms.slice(0, 10)),
    waits: terms[10] === 'w',
    ticket: terms.slice(11, 27),
    most: toNumber(terms.slice(27, 35)),
    mode: terms.slice(35, 36),
    weight: toNumber(terms.slice(36, 46)),
    limit: toNumber(terms.slice(46, 56)),
    keepMs: toNumber(terms.slice(56, 64)),
    stored: undefined,
  };
}

function openFor(work: ScriptedGate, request: Request, state: string | undefined): Gate | ScriptReply {
  const { redis, keys } = work;
  const { mode, leaseMs, waits, ticket, most } = request;
  if (mode === 'x' && leaseMs <= LONGEST_PLAIN_MS) return [-12];
  const held = isHeld(state);
  if (!held && !redis.exists(keys.queue, keys.waiting, keys.holders, keys.records))
    return Object.assign(newGate(state, work.us), { isFresh: true, isWaitedFor: false });
  const left = held ? redis.pttl(keys.state) : 0;
  if (left === -1) return [-9, 'it would never run out'];
  const waiting = redis.zcard(keys.queue);
  if (held && !waits) return [0, left];
  if ((held || waiting > 0) && waits && waiting >= most && ticket === NO_TICKET) return [4, left];
  const gate = openGate(work, state);
  if (Array.isArray(gate)) return gate;
  if (!waits) work.letIn();
  if (held) redis.publish(channelOf(tailOf(state)), `S${ownerOf(state)}`);
  return gate;
}

function granted({ gate }: ScriptedGate, { fence, left, mode }: GateHold): ScriptReply {
  return [1, fence, gate.lineage, left, mode === 'l' ? gate.limit : 0];
}

function limitFor({ redis, keys }: ScriptedGate, request: Request, gate?: Gate): number {
  if (request.mode !== 'l') return 0;
  if (request.stored === undefined) request.stored = redis.get(keys.limit) ?? null;
  if (request.stored !== null) return toNumber(request.stored);
  return gate?.family === 'l' ? gate.limit : request.limit;
}

function enrol({ gate }: ScriptedGate, mode: string, limit: number): void {
  if (mode === 'l') Object.assign(gate, { family: 'l', limit });
  else if (mode !== 'x' && gate.family === '-') gate.family = 'r';
  gate.changed = true;
}

function acquire(work: ScriptedGate, request: Request, limit: number): ScriptReply {
  const { redis, keys, gate } = work;
  const { mode, weight, token } = request;
  const own = gate.isFresh === true ? undefined : work.holdOf(token);
  if (own !== undefined) return granted(work, own);
  const excluded = (mode === 'l' && gate.family === 'r') || (!'lx'.includes(mode) && gate.family === 'l');
  if (excluded) return [-14, gate.family];
  gate.isWaitedFor ??= redis.exists(keys.waiting);
  if (!gate.isWaitedFor && work.fits(mode, weight, limit)) {
    const hold = work.admit(request, request.leaseMs);
    enrol(work, mode, limit);
    return granted(work, hold);
  }
  if (!request.waits) return [0, work.nextEnd()];
  const ticket = takePlace(redis, keys.waiting, { ...request, us: work.us });
  if (ticket === undefined) return [4, work.nextEnd()];
  enrol(work, mode, limit);
  work.letIn(token);
  const hold = work.holdOf(token);
  if (hold !== undefined) return granted(work, hold);
  const listeners = listenersOn(redis, request.tail);
  return [2, work.nextEnd(), ticket, work.now, listeners, mode === 'l' ? gate.limit : 0];
}

/** @param workAt makes what works at the gate with these keys */
export function gateAcquire(workAt: (redis: ScriptedGate['redis'], keys: GateKeys) => ScriptedGate): Script {
  return (input) => {
    const answer = ({ lock, terms, own: [owner = ''] }: Asked<keyof GateKeys>): ScriptReply => {
      const work = workAt(input.redis, lock);
      const request = parseRequest(terms, owner);
      const { keepMs, token: self } = request;
      const open = (state: string | undefined) => {
        const limit = limitFor(work, request);
        if (request.mode === 'l' && request.weight > limit) return [-15, limit];
        return openFor(work, request, state);
      };
      return work.atGate({ keepMs, self, open }, () => {
        const { redis, keys, gate } = work;
        const limit = limitFor(work, request, gate);
        if (request.mode !== 'l' || request.weight <= limit || work.holdOf(self) !== undefined)
          return acquire(work, request, limit);
        if (redis.zrem(keys.waiting, request.member)) {
          gate.changed = true;
          work.letIn();
        }
        return [-15, limit];
      });
    };
    return [input.args[0]!, ...answersTo(input, BATCHES['gate-acquire'], { work: answer })];
  };
}
