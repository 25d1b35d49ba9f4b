import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { LockManagerOptions } from '../../../lib/index.js';
import { killWhenWeAreGone, unref } from '../../support/reaper.js';
import type { Workload } from './workload.js';

export interface SessionOptions {
  /** Its name in the history. */
  readonly p: string;
  /** Of the server, or of a proxy before it. */
  readonly url: string;
  readonly resourceUrl: string;
  /** Where it writes its history: one JSON object in each line. */
  readonly file: string;
  readonly manager: Omit<LockManagerOptions, 'store' | 'clock' | 'randomness'>;
  readonly commandMs: number;
}

export type WorkerCommand =
  | { readonly verb: 'open'; readonly options: SessionOptions }
  | { readonly verb: 'work'; readonly workload: Workload }
  | { readonly verb: 'rest' | 'close' }
  /** Keeps its event loop busy. */
  | { readonly verb: 'block'; readonly ms: number };

interface Pending {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Another process in which callers take locks, and that can be frozen and killed. Serves one session after the other. */
export class Worker {
  readonly #pending = new Map<number, Pending>();
  readonly #exited: Promise<unknown>;
  readonly #cancelReaper: () => void;
  #commands = 0;
  #over = false;

  private constructor(private readonly child: ChildProcess) {
    this.#cancelReaper = killWhenWeAreGone(child.pid!);
    this.#exited = once(child, 'exit').then(() => this.#end());
    child.on('message', (message) => this.#receive(message as { to: number; error?: string }));
    unref(child);
    child.channel?.unref();
  }

  static async start(env: Readonly<Record<string, string>> = {}): Promise<Worker> {
    const run = new URL('../../support/run-typescript.mjs', import.meta.url).href;
    const script = new URL('worker.child.ts', import.meta.url).pathname;
    const child = spawn(process.execPath, ['--import', run, script], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      serialization: 'advanced', // Infinity
      env: { ...process.env, ...env },
    });
    await once(child, 'spawn');
    return new Worker(child);
  }

  get over(): boolean {
    return this.#over;
  }

  ask(command: WorkerCommand): Promise<void> {
    if (this.#over) return Promise.reject(new Error(`this worker has ended and cannot ${command.verb}`));
    const id = ++this.#commands;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.child.send({ id, command });
    });
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.child.kill(signal);
  }

  async kill(): Promise<void> {
    this.#cancelReaper();
    this.child.ref();
    this.child.kill('SIGKILL');
    await this.#exited;
  }

  /** Hangs up and waits for it to end by itself. false: it did not within `boundMs`, and was killed. */
  async leave(boundMs: number): Promise<boolean> {
    if (this.#over) return true;
    this.child.ref();
    this.child.disconnect();
    const stillThere = Symbol('still there');
    let timer: NodeJS.Timeout | undefined;
    const bound = new Promise((resolve) => (timer = setTimeout(() => resolve(stillThere), boundMs)));
    const first = await Promise.race([this.#exited, bound]);
    clearTimeout(timer);
    await this.kill();
    return first !== stillThere;
  }

  #receive({ to, error }: { to: number; error?: string }): void {
    const pending = this.#pending.get(to);
    this.#pending.delete(to);
    if (error === undefined) pending?.resolve();
    else pending?.reject(new Error(error));
  }

  #end(): void {
    this.#over = true;
    this.#cancelReaper();
    for (const { reject } of this.#pending.values()) reject(new Error('the worker ended'));
    this.#pending.clear();
  }
}
