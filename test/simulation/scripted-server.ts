import type { ScriptName, ScriptReply } from '../../lib/stores/redis/redis-link.js';
import { ScriptedRedis, type ServerPlace } from './scripted-redis.js';
import { SCRIPTED, type Scripts } from './scripted-scripts.js';

export { ReplyError, type ServerPlace } from './scripted-redis.js';

/**
 * A Redis server that knows our scripts and nothing else, without a network: deterministic, quick (a simulation runs millions of
 * scripts) and cheap to copy (the model checker does at each step). What it answers is what the real scripts answer on a real
 * Redis: differential.spec.ts.
 */
export class ScriptedServer {
  readonly #redis: ScriptedRedis;

  constructor(
    place: ServerPlace,
    /** A model checker's seeded bugs replace some. */
    private readonly scripts: Scripts = SCRIPTED,
    redis = new ScriptedRedis(place),
  ) {
    this.#redis = redis;
  }

  /** Its commands one by one, for whoever looks at keys in passing. */
  get redis(): ScriptedRedis {
    this.#redis.begin();
    return this.#redis;
  }

  /**
   * Executes one script. `args[0]` is the nonce, and so is the reply's first element.
   *
   * @throws ReplyError as the server refuses: WRONGTYPE, READONLY, OOM, an error of the script
   */
  run(script: ScriptName, keys: readonly string[], args: readonly string[]): ScriptReply {
    this.#redis.begin();
    return this.scripts[script]({ redis: this.#redis, keys, args });
  }

  /** The same state, at another place (its time, its listeners). */
  clone(place: ServerPlace): ScriptedServer {
    return new ScriptedServer(place, this.scripts, this.#redis.copy(place));
  }

  /** `READONLY`: now a replica; `OOM`: memory is full; undefined: serves. LOADING, NOPERM, NOSCRIPT come before any script: the network's. */
  set refusal(refusal: ScriptedRedis['refusal']) {
    this.#redis.refusal = refusal;
  }

  get refusal(): ScriptedRedis['refusal'] {
    return this.#redis.refusal;
  }

  /** All data is gone: FLUSHALL, or a restart without persistence. */
  wipe(): void {
    this.#redis.wipe();
  }

  /** One key is gone: an eviction. */
  drop(key: string): void {
    this.#redis.drop(key);
  }

  /** Another program, or an operator, writes a string without an end, or a member into a sorted set without an end. */
  disturb(key: string, value: string, score?: number): void {
    this.#redis.begin();
    if (score === undefined) this.#redis.setForever(key, value);
    else this.#redis.zaddNx(key, { member: value, score });
  }

  /** Keys that exist now, sorted. */
  keys(): string[] {
    this.#redis.begin();
    return this.#redis.keys();
  }

  /** One key as a text that two servers share exactly when it is equal on both; undefined: none. Without its end: see {@link pttl}. */
  dump(key: string): string | undefined {
    this.#redis.begin();
    const type = this.#redis.type(key);
    if (type === undefined) return undefined;
    if (type === 'string') return `string ${this.#redis.get(key)}`;
    if (type === 'hash') return `hash ${this.#redis.hgetall(key).flat().join('\n')}`;
    return `zset ${this.#redis
      .zrange(key)
      .map(({ member, score }) => `${score} ${member}`)
      .join('\n')}`;
  }

  /** Milliseconds until the key ends; -1: never; -2: no such key. */
  pttl(key: string): number {
    this.#redis.begin();
    return this.#redis.pttl(key);
  }

  /** Everything, ends included, as one text: equal texts, equal futures. */
  hash(): string {
    return this.keys()
      .map((key) => `${key} ${this.pttl(key)} ${this.dump(key)}`)
      .join('\n');
  }
}
