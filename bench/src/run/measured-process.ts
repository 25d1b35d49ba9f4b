import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import type { AdapterId } from '../adapters/index.js';
import type { FromChild, Job, Role, ToChild } from '../child/role.js';
import { nowNs } from '../child/clock.js';
import { errorOf } from './outcome.js';

const CHILD_MAIN = fileURLToPath(new URL('../child/child-main.js', import.meta.url));
/** How long a process may take to load its library and connect, on a busy machine. */
const START_BOUND_MS = 20_000;
/** Until the start that several processes agree on, so that the message has reached all. */
const AGREED_START_NS = 50e6;
const STDERR_KEPT = 4_000;

export interface ProcessOptions {
  readonly adapter: AdapterId;
  readonly url: string;
  /** Its work is ended when it takes longer than this. */
  readonly boundMs: number;
  readonly nodeFlags?: readonly string[];
}

/** A process that measures one thing and ends: nobody inherits another's heap, timers or compiled code. */
export class MeasuredProcess<P, R> {
  readonly #child: ChildProcess;
  #stderr = '';
  #done = false;

  constructor(
    role: Role<P, R>,
    params: P,
    private readonly options: ProcessOptions,
  ) {
    const { adapter, url, nodeFlags = [] } = options;
    const job: Job = { role: role.name, adapter, url, params };
    this.#child = fork(CHILD_MAIN, [JSON.stringify(job)], {
      serialization: 'advanced', // typed arrays as they are
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execArgv: [...nodeFlags],
    });
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-STDERR_KEPT);
    });
    this.#child.setMaxListeners(0);
  }

  /** Its library is loaded and connected. What it tells then, such as a port, is the answer. */
  async ready(): Promise<unknown> {
    const message = await this.#next('ready', START_BOUND_MS);
    return message.told;
  }

  /** Lets it begin, all processes of a measurement at the same moment, and waits for what it found. */
  async result(startNs = nowNs()): Promise<R> {
    this.#send({ kind: 'go', startNs });
    const message = await this.#next('result', this.options.boundMs);
    this.#done = true;
    return message.result as R;
  }

  /** Resolves when it is gone. */
  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }

  #send(message: ToChild): void {
    this.#child.send(message, () => {}); // if it is gone, `#next` tells
  }

  #next<K extends FromChild['kind']>(kind: K, boundMs: number): Promise<Extract<FromChild, { kind: K }>> {
    return new Promise((resolve, reject) => {
      const bound = setTimeout(
        () => settle(() => reject(new Error(`not done within ${boundMs / 1_000} s`))),
        boundMs,
      );
      const onMessage = (message: FromChild): void => {
        if (message.kind === kind) settle(() => resolve(message as Extract<FromChild, { kind: K }>));
        if (message.kind === 'error') settle(() => reject(errorOf(message.outcome, message.message)));
      };
      const onExit = (): void => {
        if (!this.#done) settle(() => reject(new Error(`its process crashed: ${firstError(this.#stderr)}`)));
      };
      const settle = (end: () => void): void => {
        clearTimeout(bound);
        this.#child.off('message', onMessage);
        this.#child.off('close', onExit);
        end();
      };
      this.#child.on('message', onMessage);
      this.#child.on('close', onExit);
    });
  }
}

/** Runs a role in as many processes as there are params, started together. */
export async function runTogether<P, R>(
  role: Role<P, R>,
  params: readonly P[],
  options: ProcessOptions,
): Promise<R[]> {
  const processes = params.map((each) => new MeasuredProcess(role, each, options));
  try {
    await Promise.all(processes.map((each) => each.ready()));
    const startNs = nowNs() + AGREED_START_NS;
    return await Promise.all(processes.map((each) => each.result(startNs)));
  } finally {
    await Promise.all(processes.map((each) => each.end()));
  }
}

export async function runAlone<P, R>(role: Role<P, R>, params: P, options: ProcessOptions): Promise<R> {
  const [result] = await runTogether(role, [params], options);
  return result as R;
}

function firstError(stderr: string): string {
  const lines = stderr.split('\n').filter((line) => line.trim() !== '');
  return (
    lines
      .find((line) => /error/i.test(line))
      ?.trim()
      .slice(0, 200) ??
    lines.at(-1) ??
    'without a word'
  );
}
