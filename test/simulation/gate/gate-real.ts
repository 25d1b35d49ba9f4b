import { Redis } from 'ioredis';
import { SCRIPTS } from '../../../lib/stores/redis/redis-scripts.generated.js';
import { answerOf, answerTo, headOf, withoutHead } from '../../../lib/stores/redis/redis-wire.js';
import { MARGIN_MS, type Step } from './gate-plan.js';
import { ALL_KEYS, type Call } from './gate-words.js';

/** The one thing that is replaced in the real scripts, as in differential/real-run.ts: where they read the time. */
const TIME = `redis.call('TIME')`;
const TIME_OF_THE_TEST = `{ string.sub(ARGV[1], -16, -7), tostring(tonumber(string.sub(ARGV[1], -6))) }`;

const PASS = `for _, key in ipairs(KEYS) do
  local left = redis.call('PTTL', key)
  if left >= 0 then redis.call('PEXPIRE', key, left - tonumber(ARGV[1])) end
end`;

/**
 * What lies in the keys of a gate, as a text; and whether it is whole: the state's counters say what the records say, everybody's lease
 * ends before the state does, and nothing is left of a gate that is closed.
 */
const CHECK = `local state = redis.call('GET', KEYS[1])
if not state or string.sub(state, 1, 3) ~= 'v2:' then
  if redis.call('EXISTS', KEYS[3], KEYS[4], KEYS[5]) > 0 then return 'closed, and something is left' end
  return 'closed'
end
if redis.call('EXISTS', KEYS[2]) == 1 then return 'open, and there is a queue of format 1' end
local holds, waits, wrong = {}, {}, {}
local function law(holds_true, says) if not holds_true then wrong[#wrong + 1] = says end end
local used, upgradeable, exclusive, is, ix, last = 0, 0, 0, 0, 0, 0
local function counter(from) return tonumber(string.sub(state, from, from + 9)) end
local holders = redis.call('ZRANGE', KEYS[4], 0, -1, 'WITHSCORES')
local are_live = redis.call('EXISTS', KEYS[4]) == 1 or counter(47) + counter(57) + counter(67) + string.sub(state, 78, 78) == 0
for index = 1, #holders, 2 do
  local is_live = tonumber(holders[index + 1]) >= tonumber(ARGV[1])
  are_live = are_live and is_live
  local record = redis.call('HGET', KEYS[5], holders[index])
  local mode, weight = string.sub(record, 33, 33), tonumber(string.sub(record, 34, 43))
  if mode == 'x' then exclusive = exclusive + 1
  elseif mode == 'i' then is = is + 1
  elseif mode == 'I' then ix = ix + 1
  else used = used + weight end
  if mode == 'u' then upgradeable = upgradeable + 1 end
  last = math.max(last, tonumber(holders[index + 1]))
  law(string.sub(record, 1, 16) <= string.sub(state, 4, 19), 'a fence is above that of the state')
  if is_live then holds[#holds + 1] = holders[index] .. ' ' .. mode .. weight .. ' ' .. string.sub(record, 1, 16) end
end
law(#state == 78, 'the state has another length')
-- Who ran out is counted until a script of the gate comes by.
law(not are_live or counter(47) == used, 'used is not what is held')
law(not are_live or (counter(57) == is and counter(67) == ix), 'IS or IX is not what is held')
law(not are_live or string.sub(state, 77, 78) == upgradeable .. '' .. exclusive, 'u or x is not what is held')
law(upgradeable < 2 and exclusive < 2 and (exclusive == 0 or used + is + ix == 0) and (ix == 0 or used == 0), 'two that exclude each other')
law(not are_live or redis.call('HLEN', KEYS[5]) == #holders / 2, 'records without a holder')
local left = redis.call('PTTL', KEYS[1])
law(left >= last - tonumber(ARGV[1]), 'the state ends before a lease')
law(left >= redis.call('PTTL', KEYS[3]) - 60, 'the state ends before its queue')
law(#holders == 0 or math.min(redis.call('PTTL', KEYS[4]), redis.call('PTTL', KEYS[5])) >= last - tonumber(ARGV[1]), 'holders end before their lease')
for _, member in ipairs(redis.call('ZRANGE', KEYS[3], 0, -1)) do
  waits[#waits + 1] = string.sub(member, 1, 22) .. ' ' .. string.sub(member, 33, 33) .. tonumber(string.sub(member, 34, 43))
end
law(not are_live or #holds + #waits > 0, 'open for nobody')
if #wrong > 0 then return table.concat(wrong, ', ') end
table.sort(holds)
return table.concat(holds, ',') .. ' | ' .. table.concat(waits, ',')`;

/** The scripts of the gate, and those of format 1 beside them, on a real Redis. */
export class GateServer {
  readonly #redis: Redis;
  readonly #shas = new Map<string, string>();
  readonly #subscribed = new Set<string>();
  #heard: string[] = [];

  constructor(url: string) {
    // RESP3: this one connection may listen and run scripts, so what is heard is in order with the replies.
    this.#redis = new Redis(url, { protocol: 3 });
    this.#redis.on('message', (channel, message) => this.#heard.push(`${channel} ${message}`));
  }

  async open(): Promise<void> {
    const texts = Object.entries(SCRIPTS).map(([name, { text }]) => [
      name,
      text.replaceAll(TIME, TIME_OF_THE_TEST),
    ]);
    for (const [name = '', text = ''] of [...texts, ['check', CHECK], ['pass', PASS]])
      this.#shas.set(name, (await this.#redis.script('LOAD', text)) as string);
  }

  close(): void {
    this.#redis.disconnect();
  }

  /** @returns what is other than the model says, in words; undefined: nothing */
  async differenceOf(steps: readonly Step[], heard: readonly string[]): Promise<string | undefined> {
    for (let tries = 0; tries < 100; tries++) {
      const startedAt = performance.now();
      const found = await this.#run(steps);
      // A machine that was busy so long has let things run out that should not have: it proves nothing, so once more.
      if (performance.now() - startedAt > MARGIN_MS - 10) continue;
      return found ?? differentlyHeard(heard, this.#heard);
    }
    throw new Error(`this machine never ran ${steps.length} steps within ${MARGIN_MS} ms`);
  }

  async #run(steps: readonly Step[]): Promise<string | undefined> {
    const pipeline = this.#redis.pipeline();
    const starts: number[] = [];
    for (const channel of this.#subscribed) pipeline.unsubscribe(channel);
    this.#subscribed.clear();
    pipeline.flushall();
    for (const [index, step] of steps.entries()) {
      starts.push(pipeline.length);
      if (step.does === 'call') {
        const { script, keys, args } = step.call;
        pipeline.evalsha(this.#shas.get(script)!, keys.length, ...keys, headFor(step, index), ...args);
        const nowMs = Math.floor(step.nowUs / 1_000);
        pipeline.evalsha(this.#shas.get('check')!, ALL_KEYS.length, ...ALL_KEYS, nowMs);
      } else if (step.does === 'time') {
        pipeline.evalsha(this.#shas.get('pass')!, ALL_KEYS.length, ...ALL_KEYS, step.ms);
      } else {
        this.#subscribed.add(step.channel);
        if (step.does === 'listen') pipeline.subscribe(step.channel);
        else pipeline.unsubscribe(step.channel);
      }
    }
    this.#heard = [];
    const replies = (await pipeline.exec()) ?? [];
    for (const [index, step] of steps.entries()) {
      if (step.does !== 'call') continue;
      const [error, reply] = replies[starts[index]!]!;
      const [, holds] = replies[starts[index]! + 1]!;
      const answer = error ? [error.message] : answerIn(step.call, reply, headFor(step, index));
      if (alike(step.expected, answer) && holds === step.holds) continue;
      return `step ${index} ${JSON.stringify(step.call)}\n model ${step.expected.join(' ')} · ${step.holds}\n real  ${answer.join(' ')} · ${String(holds)}`;
    }
    return undefined;
  }
}

type CallStep = Extract<Step, { does: 'call' }>;

function headFor({ call, nowUs }: CallStep, index: number): string {
  return `${headOf({ keys: [], args: [], shared: call.terms }, index)}@${nowUs}`;
}

function answerIn({ script, terms }: Call, reply: unknown, head: string): readonly unknown[] {
  const content = withoutHead(reply, head);
  if (content === undefined) return ['not the reply to this', reply];
  if (script === 'acquire' || script === 'release')
    return fieldsOf(answerTo({ kind: script, terms }, content, 0));
  if (script === 'renew') return fieldsOf(answerOf(content[0]));
  if (typeof reply === 'string') return fieldsOf(answerOf(content[1]));
  return content.flat();
}

/** Behind some codes there is nothing to say. */
const fieldsOf = (answer: readonly unknown[]) => (answer.at(-1) === '' ? answer.slice(0, -1) : answer);

/** Times that are left have gone on running on the real server when they came from a key's end. */
function alike(expected: readonly unknown[], found: readonly unknown[]): boolean {
  return (
    expected.length === found.length &&
    expected.every((value, i) =>
      typeof value === 'number' && value >= 100
        ? Math.abs(Number(found[i]) - value) <= MARGIN_MS
        : String(found[i]) === String(value),
    )
  );
}

/** The lease in a push may have run on the same way. */
function differentlyHeard(expected: readonly string[], found: readonly string[]): string | undefined {
  const plain = (lines: readonly string[]) =>
    lines.map((line) => line.replace(/( G.{22}\d{48})\d{8}/, '$1')).join('\n');
  if (plain(expected) === plain(found)) return undefined;
  return `heard differently\n model ${plain(expected)}\n real  ${plain(found)}`;
}
