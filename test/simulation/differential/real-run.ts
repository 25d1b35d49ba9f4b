import { type ChainableCommander, Redis } from 'ioredis';
import type { ScriptName } from '../../../lib/stores/redis/redis-link.js';
import { SCRIPTS } from '../../../lib/stores/redis/redis-scripts.generated.js';
import { answerOf, answerTo, withoutHead } from '../../../lib/stores/redis/redis-wire.js';
import { BATCHES, isBatch, requestsOf } from '../scripted-includes.js';
import {
  CHANNELS,
  KEYS,
  type Observation,
  type Outcome,
  readable,
  refusal,
  type Run,
  shownSet,
  START_US,
  type Step,
  STEP_US,
} from './step.js';

/**
 * The one thing that is replaced in the real scripts: where they read the time. They read it from the end of their first argument, so that
 * both servers see the same microseconds; as TIME does, without zeros at the beginning.
 */
const TIME = `redis.call('TIME')`;
const TIME_OF_THE_TEST = `{ string.sub(ARGV[1], -16, -7), tostring(tonumber(string.sub(ARGV[1], -6))) }`;
const at = (nowUs: number) => `@${nowUs}`;

/** Shows the keys without changing anything: type, ms left, content. */
const SHOW = `local shown = {}
for index, key in ipairs(KEYS) do
  local kind = redis.call('TYPE', key).ok
  local content = {}
  if kind == 'string' then content = { redis.call('GET', key) } end
  if kind == 'zset' then content = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES') end
  if kind == 'hash' then content = redis.call('HGETALL', key) end
  shown[index] = { kind, redis.call('PTTL', key), content }
end
return shown`;

/** Lets time pass for keys with an end: what the wall clock would do to them. */
const PASS = `for _, key in ipairs(KEYS) do
  local left = redis.call('PTTL', key)
  if left >= 0 then redis.call('PEXPIRE', key, left - tonumber(ARGV[1])) end
end`;

/** The real scripts on a real Redis. */
export class RealServer {
  readonly #redis: Redis;
  readonly #shas = new Map<string, string>();
  #heard: string[] = [];

  constructor(url: string) {
    // RESP3: this one connection may listen and run scripts, so what is heard is in order with the replies.
    this.#redis = new Redis(url, { protocol: 3 });
    this.#redis.on('message', (channel, message) => this.#heard.push(`${channel} ${message}`));
  }

  async open(): Promise<void> {
    for (const [name, { text }] of Object.entries(SCRIPTS)) {
      await this.#load(name, text.replaceAll(TIME, TIME_OF_THE_TEST));
    }
    await this.#load('show', SHOW);
    await this.#load('pass', PASS);
  }

  close(): void {
    this.#redis.disconnect();
  }

  /** One sequence from an empty server, in one go: it must be over before the shortest lease moves noticeably. */
  async run(steps: readonly Step[]): Promise<Run & { readonly tookMs: number }> {
    const pipeline = this.#redis.pipeline();
    pipeline.config('SET', 'maxmemory', '0').replicaof('NO', 'ONE');
    for (const channel of CHANNELS) pipeline.unsubscribe(channel);
    pipeline.flushall();
    /** Where the replies of each step begin; the last one of them shows the keys. */
    const starts: number[] = [];
    const times: number[] = [];
    let nowUs = START_US;
    for (const step of steps) {
      if (step.does === 'script') nowUs += STEP_US;
      if (step.does === 'time') nowUs += step.ms * 1_000;
      starts.push(pipeline.length);
      times.push(nowUs);
      this.#send(pipeline, step, nowUs);
      pipeline.evalsha(this.#sha('show'), KEYS.length, ...KEYS);
    }
    this.#heard = [];
    const startedAt = performance.now();
    const replies = (await pipeline.exec()) ?? [];
    const tookMs = performance.now() - startedAt;
    const observations = steps.map((step, index) => {
      const ofStep = replies.slice(starts[index], starts[index + 1]);
      return { outcome: outcomeOf(step, ofStep[0], times[index]!), contents: contentsOf(ofStep.at(-1)) };
    });
    return { observations, heard: this.#heard, tookMs };
  }

  #send(pipeline: ChainableCommander, step: Step, nowUs: number): void {
    switch (step.does) {
      case 'script':
        pipeline.evalsha(
          this.#sha(step.script),
          step.keys.length,
          ...step.keys,
          ...step.args.with(0, step.args[0] + at(nowUs)),
        );
        break;
      case 'time':
        pipeline.evalsha(this.#sha('pass'), KEYS.length, ...KEYS, step.ms);
        break;
      case 'listen':
        pipeline.subscribe(step.channel);
        break;
      case 'leave':
        pipeline.unsubscribe(step.channel);
        break;
      case 'drop':
        pipeline.del(step.key);
        break;
      case 'wipe':
        pipeline.flushall();
        break;
      case 'disturb':
        if (step.score === undefined) pipeline.set(step.key, step.value);
        else pipeline.zadd(step.key, 'NX', step.score, step.value);
        break;
      case 'refuse':
        this.#refuse(pipeline, step.refusal);
        break;
    }
  }

  #refuse(pipeline: ChainableCommander, kind: string | undefined): void {
    if (kind === 'OOM') pipeline.config('SET', 'maxmemory', '1');
    else if (kind === 'READONLY') pipeline.replicaof('127.0.0.1', '1');
    else pipeline.config('SET', 'maxmemory', '0').replicaof('NO', 'ONE');
  }

  #sha(name: ScriptName | 'show' | 'pass'): string {
    return this.#shas.get(name) ?? '';
  }

  async #load(name: string, text: string): Promise<void> {
    this.#shas.set(name, (await this.#redis.script('LOAD', text)) as string);
  }
}

type PipelineReply = [error: Error | null, result: unknown] | undefined;

function outcomeOf(step: Step, reply: PipelineReply, nowUs: number): Outcome | undefined {
  const [error, result] = reply ?? [];
  if (step.does !== 'script' && step.does !== 'disturb') {
    if (error) throw error;
    return undefined;
  }
  if (error) return refusal(error);
  if (step.does === 'disturb') return ['OK'];
  const [head = ''] = step.args;
  const content = withoutHead(result, head + at(nowUs));
  if (content === undefined) throw new Error(`not the reply to ${JSON.stringify(step)}: ${String(result)}`);
  const { script } = step;
  if (!isBatch(script)) return readable([head, ...content]);
  const answers = requestsOf(step, BATCHES[script]).map(({ terms }, index) => {
    if (script === 'gate-renew') return fieldsOf(answerOf(content[index + 1]));
    return fieldsOf(answerTo({ kind: script, terms }, content, index));
  });
  return readable([head + String(content[0]), ...answers]);
}

/** Fences and times have 16 digits, a family is a letter, everything else is a number. */
function fieldsOf([code, ...fields]: readonly unknown[]): readonly unknown[] {
  // Of a bare code nothing is left to say; of a refusal all the rest is a text.
  if (Number(code) <= -8 && Number(code) !== -15) return [code, ...fields.filter((field) => field !== '')];
  return [code, ...fields.map((field) => (String(field).length === 16 ? field : Number(field)))];
}

function contentsOf(reply: PipelineReply): Observation['contents'] {
  const [error, result] = reply ?? [];
  if (error) throw error;
  return (result as [string, number, unknown[]][]).map(([kind, pttl, content], index) => {
    if (kind === 'none') return { text: kind, pttl };
    const items = content.flat().map(String);
    if (kind === 'string') return { text: `${kind} ${items[0]}`, pttl };
    const pairs = items.flatMap((item, i): [string, string][] =>
      i % 2 === 0 ? [[item, items[i + 1]!]] : [],
    );
    if (kind === 'zset')
      return shownSet(
        KEYS[index]!,
        pairs.map(([member, score]) => ({ member, score: Number(score) })),
        pttl,
      );
    const sorted = pairs.toSorted(([a], [b]) => (a < b ? -1 : 1));
    return { text: `${kind} ${sorted.flat().join('\n')}`, pttl };
  });
}
