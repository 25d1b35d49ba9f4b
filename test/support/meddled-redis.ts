import { Redis } from 'ioredis';
import type { RedisStoreOptions } from '../../lib/index.js';
import { SCRIPTS } from '../../lib/stores/redis/redis-scripts.generated.js';

type Script = keyof typeof SCRIPTS;
type Client = NonNullable<RedisStoreOptions['client']>;
type Send = () => Promise<unknown>;

/** What happens to one command in place of sending it and passing its reply on. */
type Meddling = (send: Send) => Promise<unknown>;

/**
 * A real client of a real server, between which and the store a test stands: it can hold one command back, lose its reply, or
 * answer with something else, at a chosen command and with no other effect. For what a proxy on the wire cannot do: two commands of one
 * connection that overtake each other, a reply that belongs to another command.
 */
export class MeddledRedis {
  /** Every script that was sent so far, oldest first. */
  readonly sent: Script[] = [];
  /** The requests of {@link sent}, without the argument that has the nonce: equal ones are the same request, sent again. */
  readonly requests: string[] = [];
  /** What was sent last for each script, to be sent once more: `raw.evalsha(...bytes)`. */
  readonly bytes = new Map<Script, [sha: string, keys: number, ...args: string[]]>();
  readonly #client: Redis;
  readonly #duplicates: Redis[] = [];
  readonly #refusals = new Map<Script, string>();
  readonly #plans: { script: Script; meddle: Meddling; struck: () => void }[] = [];

  constructor(url: string) {
    this.#client = new Redis(url, { lazyConnect: true });
  }

  /** For `redisStore({ client })`, which duplicates it. */
  get client(): Client {
    return this.#wrapped(this.#client);
  }

  /** The next command of this script is not sent until `letGo` is called; `held` resolves when it is there. */
  holdBack(script: Script): { held: Promise<void>; letGo(): Promise<void> } {
    let letGo!: () => void;
    const released = new Promise<void>((resolve) => (letGo = resolve));
    let done!: () => void;
    const executed = new Promise<void>((resolve) => (done = resolve));
    const held = this.#plan(script, async (send) => {
      await released;
      return send().finally(done);
    });
    return { held, letGo: () => (letGo(), executed) };
  }

  /** The next command of this script is executed, but its reply comes only when `letGo` is called; `executed` resolves before. */
  holdReply(script: Script): { executed: Promise<void>; letGo(): void } {
    let letGo!: () => void;
    const released = new Promise<void>((resolve) => (letGo = resolve));
    let done!: () => void;
    const executed = new Promise<void>((resolve) => (done = resolve));
    void this.#plan(script, async (send) => {
      const reply = await send().finally(done);
      await released;
      return reply;
    });
    return { executed, letGo };
  }

  /** The connection of the next command of this script seems to be lost before it is sent. Resolves when it has struck. */
  loseRequest(script: Script): Promise<void> {
    return this.#plan(script, () => Promise.reject(new Error('Connection is closed.')));
  }

  /** The next command of this script is executed, and then its connection seems to have been lost. Resolves when it has struck. */
  loseReply(script: Script): Promise<void> {
    return this.#plan(script, async (send) => {
      await send();
      throw new Error('Connection is closed.');
    });
  }

  /** The next command of this script is executed, and answered with `change(reply)`. */
  changeReply(script: Script, change: (reply: unknown) => unknown): Promise<void> {
    return this.#plan(script, async (send) => change(await send()));
  }

  /** From now on every command of this script is refused with this error of a server, until `letGo` is called. */
  refuse(script: Script, text: string): { letGo(): void } {
    this.#refusals.set(script, text);
    return { letGo: () => void this.#refusals.delete(script) };
  }

  /** Nothing can be written to the connections any more, and their clients have not noticed yet. */
  endStreams(): void {
    for (const { stream } of this.#duplicates) stream.end();
  }

  #plan(script: Script, meddle: Meddling): Promise<void> {
    return new Promise((struck) => this.#plans.push({ script, meddle, struck }));
  }

  #wrapped(client: Redis): Client {
    const special: Record<string, unknown> = {
      duplicate: (override?: object) => {
        const duplicate = client.duplicate(override);
        this.#duplicates.push(duplicate);
        return this.#wrapped(duplicate);
      },
      evalsha: (sha: string, ...args: [number, ...string[]]) =>
        this.#pass([sha, ...args], () => client.evalsha(sha, ...args)),
    };
    const get = (_target: Redis, property: string): unknown => {
      const value: unknown = special[property] ?? Reflect.get(client, property, client);
      return typeof value === 'function' ? (value.bind(client) as unknown) : value;
    };
    return new Proxy(client, { get });
  }

  #pass(bytes: [sha: string, keys: number, ...args: string[]], send: Send): Promise<unknown> {
    const script = (Object.keys(SCRIPTS) as Script[]).find((name) => SCRIPTS[name].sha === bytes[0]);
    if (script === undefined) return send();
    this.sent.push(script);
    this.requests.push(bytes.filter((_, index) => index !== 2 + Number(bytes[1])).join(' '));
    this.bytes.set(script, bytes);
    const text = this.#refusals.get(script);
    if (text !== undefined) return Promise.reject(Object.assign(new Error(text), { name: 'ReplyError' }));
    const index = this.#plans.findIndex((plan) => plan.script === script);
    const [plan] = index === -1 ? [] : this.#plans.splice(index, 1);
    if (plan === undefined) return send();
    plan.struck();
    return plan.meddle(send);
  }
}
