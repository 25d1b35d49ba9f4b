/** lib/stores/redis/scripts/gate-*.lua, line by line: see scripted-scripts.ts. gate-acquire.lua has a file of its own. */
import { type GateKeys, gateKeys } from '../../../lib/stores/redis/redis-keys.js';
import type { ScriptName, ScriptReply } from '../../../lib/stores/redis/redis-link.js';
import {
  answersTo,
  BATCHES,
  channelOf,
  digits,
  labelOf,
  listenersOn,
  NO_TICKET,
  ownerOf,
  type Script,
  toNumber,
} from '../scripted-includes.js';
import { gateAcquire, openGate } from './gate-acquire.js';
import { type GateHold, upgradeMember } from './gate-record.js';
import { ScriptedGate } from './scripted-gate.js';

export type GateScriptName = Extract<ScriptName, `gate-${string}`>;
export type GateScripts = Readonly<Record<GateScriptName, Script>>;

const withLabel = (answer: ScriptReply, tail: string): ScriptReply => {
  const label = labelOf(tail);
  return label === undefined ? answer : [...answer, label];
};

type WorkAt = (redis: ScriptedGate['redis'], keys: GateKeys) => ScriptedGate;

/** Of a script that is about one name: its first key is the state. */
const one =
  (workAt: WorkAt, answer: (work: ScriptedGate, args: readonly string[]) => ScriptReply): Script =>
  ({ redis, keys, args }) => [args[0]!, ...answer(workAt(redis, gateKeys(keys[0]!)), args.slice(1))];

function release(workAt: WorkAt): Script {
  return (input) => {
    const answers = answersTo(input, BATCHES['gate-release'], {
      work: ({ lock, terms, own: [text = ''] }) => {
        const work = workAt(input.redis, gateKeys(lock.state));
        const { redis, keys } = work;
        const [token, used, lineage] = [text.slice(0, 22), text.slice(22, 38), text.slice(38, 54)];
        const [queuedMs, kind] = [terms.slice(8, 18), terms.slice(18, 29)];
        return work.atGate({ keepMs: toNumber(terms.slice(0, 8)) }, () => {
          const { gate } = work;
          const member = token + queuedMs + kind + text.slice(54);
          const wasQueued = queuedMs !== '0000000000' && redis.zrem(keys.waiting, member);
          const hold = work.holdOf(token);
          if (hold !== undefined) {
            work.leave(token, hold);
            if (used > gate.fence) gate.fence = used;
          }
          if (hold !== undefined || wasQueued) {
            gate.changed = true;
            work.letIn();
          }
          if (hold !== undefined) return [1];
          if (lineage === NO_TICKET) return [3];
          return gate.lineage === lineage && gate.fence >= used ? [2] : [-1];
        });
      },
    });
    return [input.args[0]!, ...answers];
  };
}

function renew(workAt: WorkAt): Script {
  return (input) => {
    const answers = answersTo(input, BATCHES['gate-renew'], {
      work: ({ lock, terms, own: [text = ''] }) => {
        const work = workAt(input.redis, gateKeys(lock.state));
        const { redis, keys } = work;
        const [token, leaseMs, known] = [text.slice(0, 22), toNumber(text.slice(22, 32)), text.slice(32, 48)];
        return work.atGate({ keepMs: toNumber(terms.slice(0, 8)) }, () => {
          const { gate } = work;
          const hold = work.holdOf(token);
          if (hold === undefined) return [-1];
          if (hold.left < leaseMs) {
            redis.zrem(keys.holders, '');
            redis.zadd(keys.holders, { member: token, score: work.nowMs + leaseMs });
            hold.left = leaseMs;
            gate.isLonger = gate.changed = true;
          }
          return hold.fence === known ? [1, hold.left] : [1, hold.left, hold.fence, gate.lineage];
        });
      },
    });
    return [input.args[0]!, ...answers];
  };
}

function upgrade(work: ScriptedGate, [keepMs = '', token = '', how = '']: readonly string[]): ScriptReply {
  const { redis, keys } = work;
  const answer = work.atGate({ keepMs: toNumber(keepMs), self: token }, () => {
    const { gate } = work;
    const hold = work.holdOf(token);
    if (hold === undefined) return [-1];
    if (hold.mode !== 'u' && hold.mode !== 'x') return [-14, hold.mode];
    const member = upgradeMember(token, hold.tail);
    if (hold.mode === 'u') {
      if (how !== 'c' && work.fits('U')) {
        redis.zrem(keys.waiting, member);
        work.raise(token, hold);
      } else if (how === 'w') {
        redis.zaddNx(keys.waiting, { member, score: 0 });
        redis.pexpire(keys.waiting, 90_000);
        gate.changed = gate.isWaitedFor = true;
        return [2, work.nextEnd(), digits(0), work.now, listenersOn(redis, hold.tail)];
      } else {
        if (redis.zrem(keys.waiting, member)) {
          gate.changed = true;
          work.letIn();
        }
        return [0, work.nextEnd()];
      }
    }
    return [1, hold.fence, gate.lineage, hold.left];
  });
  return answer[0] === -12 ? [-1] : answer;
}

function downgrade(work: ScriptedGate, [keepMs = '', token = '', used = '']: readonly string[]): ScriptReply {
  const { redis, keys } = work;
  const open = (state: string | undefined) => {
    const isOurs = state !== undefined && !state.startsWith('f') && ownerOf(state) === token;
    if (!isOurs) return [-1];
    if (redis.pttl(keys.state) === -1) return [-9, 'it would never run out'];
    return openGate(work, state);
  };
  return work.atGate({ keepMs: toNumber(keepMs), open }, () => {
    const { gate } = work;
    const hold = work.holdOf(token);
    if (hold === undefined) return [-1];
    if (gate.family === 'l' || 'iI'.includes(hold.mode)) return [-14, hold.mode];
    if (hold.mode !== 's') {
      work.leave(token, hold);
      if (used > hold.fence) hold.fence = used;
      if (hold.fence > gate.fence) gate.fence = hold.fence;
      redis.zadd(keys.holders, { member: token, score: work.nowMs + hold.left });
      hold.mode = 's';
      work.count({ mode: 's', weight: 1 }, 1);
      work.writeRecord(token, hold);
      Object.assign(gate, { family: 'r', isLonger: true });
      work.letIn();
    }
    return [1, hold.fence, gate.lineage, hold.left];
  });
}

function force(work: ScriptedGate, [keepMs = '', reason = '', only = '']: readonly string[]): ScriptReply {
  const { redis, keys } = work;
  const issued = ({ fence, mode }: GateHold) =>
    only === '' || only === fence || (mode === 'x' && only > fence && only <= work.now);
  return work.atGate({ keepMs: toNumber(keepMs) }, () => {
    const { gate } = work;
    let first: GateHold | undefined;
    for (const { member: token } of redis.zrange(keys.holders)) {
      const hold = work.holdOf(token);
      if (hold === undefined || !issued(hold)) continue;
      first ??= hold;
      redis.publish(channelOf(hold.tail), `L${token}${reason}`);
      work.leave(token, hold);
    }
    if (first === undefined) return [0];
    if (work.us <= toNumber(gate.found)) gate.fence = digits(toNumber(gate.fence) + 1_000_000);
    work.breakLineage();
    work.letIn();
    return withLabel([1, first.fence], first.tail);
  });
}

function inspect(work: ScriptedGate): ScriptReply {
  const { redis, keys } = work;
  const found = work.find(redis.get(keys.state));
  if (!('fence' in found)) return found;
  work.gate = found;
  const waiting = redis.zcard(keys.waiting);
  const holds = redis.zrange(keys.holders).flatMap(({ member, score }) => {
    const hold = score < work.nowMs ? undefined : work.holdOf(member);
    if (hold === undefined) return [];
    const { mode, weight, fence, granted, left, tail } = hold;
    return [withLabel([mode, weight, fence, granted, left], tail)];
  });
  return [waiting, found.limit, ...holds];
}

function setLimit(work: ScriptedGate, [keepMs = '', limit = '']: readonly string[]): ScriptReply {
  const { redis, keys } = work;
  if (limit === '') redis.del(keys.limit);
  else redis.set(keys.limit, limit);
  work.atGate({ keepMs: toNumber(keepMs) }, () => {
    const { gate } = work;
    if (limit === '' || gate.family !== 'l' || gate.limit === toNumber(limit)) return [];
    Object.assign(gate, { limit: toNumber(limit), changed: true });
    work.letIn();
    return [];
  });
  return [1];
}

const probe: Script = ({ redis, keys, args }) => {
  const [holders = '', records = ''] = keys;
  const reply: (string | number)[] = [args[0]!];
  const attempt = (command: string, work: () => unknown) => {
    try {
      work();
    } catch (error) {
      reply.push(`${command}: ${(error as Error).message}`);
    }
  };
  attempt('ZADD', () => redis.zadd(holders, { member: 'probe', score: 1 }));
  attempt('ZRANGE', () => redis.zrange(holders));
  attempt('ZREVRANGE', () => redis.zrange(holders));
  attempt('ZRANGEBYSCORE', () => redis.zrange(holders));
  attempt('HSET', () => redis.hset(records, 'probe', 'probe'));
  attempt('HGET', () => redis.hget(records, 'probe'));
  attempt('HDEL', () => redis.hdel(records, 'probe'));
  attempt('DEL', () => redis.del(holders, records));
  return reply;
};

/** @param Work what works at a gate: another one has a seeded bug */
export function gateScripts(Work: typeof ScriptedGate = ScriptedGate): GateScripts {
  const workAt: WorkAt = (redis, keys) => new Work(redis, keys);
  return {
    'gate-acquire': gateAcquire(workAt),
    'gate-release': release(workAt),
    'gate-renew': renew(workAt),
    'gate-upgrade': one(workAt, upgrade),
    'gate-downgrade': one(workAt, downgrade),
    'gate-force': one(workAt, force),
    'gate-inspect': one(workAt, inspect),
    'gate-limit': one(workAt, setLimit),
    'gate-probe': probe,
  };
}
