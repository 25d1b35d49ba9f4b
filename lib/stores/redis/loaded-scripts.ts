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

  /** Sends it once; `done` gets what the client says, the error or the reply. */
  run(
    script: ScriptName,
    { keys, args }: { readonly keys: number; readonly args: readonly string[] },
    done: (error: unknown, reply: unknown) => void,
  ): void {
    const { sha, text } = SCRIPTS[script];
    const ran = (reply: unknown) => {
      this.#loaded.add(script);
      done(undefined, reply);
    };
    const failed = (error: unknown) => done(error, undefined);
    this.client.evalsha(sha, keys, ...args).then(ran, (error: unknown) => {
      if (!isUnknownScript(error)) return failed(error);
      this.#loaded.clear();
      this.client.eval(text, keys, ...args).then(ran, failed);
    });
  }
}

/** A new server, a restart or SCRIPT FLUSH. Nothing was executed. */
function isUnknownScript(error: unknown): boolean {
  return isReply(error) && (error as Error).message.startsWith('NOSCRIPT');
}
