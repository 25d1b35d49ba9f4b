import type { RedisClient } from './redis-client.js';
import { isReply } from './redis-errors.js';
import { SCRIPTS } from './redis-scripts.generated.js';

export type ScriptName = keyof typeof SCRIPTS;

/** Runs the scripts by their short names on one connection, and sends the text of one that its server does not have. */
export class LoadedScripts {
  /** Those that this connection has executed. */
  readonly #loaded = new Set<ScriptName>();

  constructor(private readonly client: RedisClient) {
    client.on('connect', () => this.#loaded.clear()); // perhaps to another server
  }

  /** Written now, is it executed before whatever is written later? One that must be sent anew with its text may be overtaken. */
  has(script: ScriptName): boolean {
    return this.#loaded.has(script);
  }

  async run(script: ScriptName, keys: number, args: readonly string[]): Promise<unknown> {
    const reply = await this.#evaluate(script, keys, args);
    this.#loaded.add(script);
    return reply;
  }

  async #evaluate(script: ScriptName, keys: number, args: readonly string[]): Promise<unknown> {
    const { sha, text } = SCRIPTS[script];
    try {
      return await this.client.evalsha(sha, keys, ...args);
    } catch (error) {
      // NOSCRIPT: a new server, a restart or SCRIPT FLUSH. Nothing was executed.
      if (!isReply(error) || !(error as Error).message.startsWith('NOSCRIPT')) throw error;
      this.#loaded.clear();
      return this.client.eval(text, keys, ...args);
    }
  }
}
