import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

import type {
  AcquireOptions,
  LeaseState,
  LockErrorCode,
  LockManagerOptions,
  LossCause,
} from '../../lib/index.js';
import { killWhenWeAreGone, unref } from './reaper.js';

/**
 * Another process that runs the engine on a Redis store and does what it is told, so that a test can kill or freeze a
 * holder or a waiter as an operating system does. Gone with the process that started it.
 */
export interface LockTaker extends AsyncDisposable {
  readonly pid: number;
  /** What happened there so far, oldest first. */
  readonly events: readonly TakerEvent[];
  /** As `LockManager.acquire`; rejects with an Error that has its `code` (and `cause` when the lock was lost). */
  acquire(name: string, options?: TakerAcquireOptions): Promise<TakenLease>;
  tryAcquire(name: string, options?: TakerAcquireOptions): Promise<TakenLease | null>;
  release(lease: TakenLease): Promise<'released' | 'lost'>;
  extend(lease: TakenLease, leaseMs?: number): Promise<void>;
  report(lease: TakenLease): Promise<LeaseReport>;
  /** The first event of this kind for this name, past or future. */
  saw(kind: TakerEvent['kind'], name: string): Promise<TakerEvent>;
  /** Keeps its event loop busy: what user code does that computes too long. Resolves afterwards. */
  block(ms: number): Promise<void>;
  /** SIGSTOP. */
  freeze(): void;
  /** SIGCONT. */
  thaw(): void;
  /** SIGKILL: nothing is released. */
  kill(): Promise<void>;
  /** Closes the manager and ends the process. Idempotent; a frozen or killed one is simply ended. */
  stop(): Promise<void>;
}

export interface TakenLease {
  readonly id: number;
  readonly name: string;
  readonly fencingToken: number;
  readonly waitedMs: number;
  /** By the wall clock of the machine, which all processes share, in ms since 1970. */
  readonly atMs: number;
}

export interface LeaseReport {
  readonly state: LeaseState;
  readonly fencingToken: number;
  readonly remainingMs: number;
  /** Is `lease.signal` aborted, and why? */
  readonly aborted: boolean;
  readonly cause: LossCause | null;
}

export interface TakerEvent {
  /** `waiting` it is queued · `lost` its lease is lost · `aborted` its `lease.signal` aborted */
  readonly kind: 'waiting' | 'lost' | 'aborted';
  readonly name: string;
  readonly cause?: LossCause;
  readonly fencingToken?: number;
  readonly atMs: number;
}

export type TakerAcquireOptions = Omit<AcquireOptions, 'signal'>;

export interface TakerOptions {
  /** Of the Redis server, or of a proxy before it. */
  readonly url: string;
  /** For its LockManager; only what can be sent to another process. `drainMs` is 0 unless given, so that `stop` is quick. */
  readonly manager?: Omit<LockManagerOptions, 'store' | 'clock' | 'randomness'>;
}

export type TakerCommand =
  | { readonly verb: 'start'; readonly options: TakerOptions }
  | { readonly verb: 'acquire' | 'tryAcquire'; readonly name: string; readonly options?: TakerAcquireOptions }
  | { readonly verb: 'release' | 'report'; readonly leaseId: number }
  | { readonly verb: 'extend'; readonly leaseId: number; readonly leaseMs?: number }
  | { readonly verb: 'block'; readonly ms: number }
  | { readonly verb: 'close' };

export type TakerMessage =
  | { readonly to: number; readonly value: unknown }
  | {
      readonly to: number;
      readonly error: { readonly message: string; readonly code?: LockErrorCode; readonly cause?: LossCause };
    }
  | { readonly event: TakerEvent };

/** Resolves when the other process has connected to its store. */
export async function startLockTaker(options: TakerOptions): Promise<LockTaker> {
  const run = new URL('run-typescript.mjs', import.meta.url).href;
  const script = new URL('lock-taker.child.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, ['--import', run, script], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    serialization: 'advanced', // Infinity, undefined
  });
  await once(child, 'spawn');
  const taker = new RemoteLockTaker(child);
  await taker.start(options);
  return taker;
}

interface Pending {
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
}

class RemoteLockTaker implements LockTaker {
  readonly events: TakerEvent[] = [];
  readonly pid: number;
  readonly #pending = new Map<number, Pending>();
  readonly #watchers = new Set<() => void>();
  readonly #exited: Promise<unknown>;
  readonly #cancelReaper: () => void;
  #commands = 0;
  #frozen = false;
  #over = false;

  constructor(private readonly child: ChildProcess) {
    this.pid = child.pid!;
    this.#cancelReaper = killWhenWeAreGone(this.pid);
    this.#exited = once(child, 'exit').then(() => this.#end());
    child.on('message', (message) => this.#receive(message as TakerMessage));
    unref(child); // a test that forgets stop() must not keep its worker alive
    child.channel?.unref();
  }

  async start(options: TakerOptions): Promise<void> {
    await this.#ask<void>({ verb: 'start', options });
  }

  acquire(name: string, options?: TakerAcquireOptions): Promise<TakenLease> {
    return this.#ask<TakenLease>({ verb: 'acquire', name, ...(options && { options }) });
  }

  tryAcquire(name: string, options?: TakerAcquireOptions): Promise<TakenLease | null> {
    return this.#ask<TakenLease | null>({ verb: 'tryAcquire', name, ...(options && { options }) });
  }

  release(lease: TakenLease): Promise<'released' | 'lost'> {
    return this.#ask<'released' | 'lost'>({ verb: 'release', leaseId: lease.id });
  }

  extend(lease: TakenLease, leaseMs?: number): Promise<void> {
    return this.#ask<void>({ verb: 'extend', leaseId: lease.id, ...(leaseMs !== undefined && { leaseMs }) });
  }

  report(lease: TakenLease): Promise<LeaseReport> {
    return this.#ask<LeaseReport>({ verb: 'report', leaseId: lease.id });
  }

  saw(kind: TakerEvent['kind'], name: string): Promise<TakerEvent> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const event = this.events.find((candidate) => candidate.kind === kind && candidate.name === name);
        if (event === undefined && !this.#over) return;
        this.#watchers.delete(look);
        if (event !== undefined) resolve(event);
        else reject(new Error(`the lock taker ended without "${kind}" for "${name}"`));
      };
      this.#watchers.add(look);
      look();
    });
  }

  block(ms: number): Promise<void> {
    return this.#ask<void>({ verb: 'block', ms });
  }

  freeze(): void {
    this.#frozen = this.child.kill('SIGSTOP');
  }

  thaw(): void {
    this.child.kill('SIGCONT');
    this.#frozen = false;
  }

  async kill(): Promise<void> {
    this.#cancelReaper();
    this.child.ref();
    this.child.kill('SIGKILL');
    await this.#exited;
  }

  async stop(): Promise<void> {
    if (!this.#over && !this.#frozen) await this.#ask<void>({ verb: 'close' }).catch(() => {});
    await this.kill();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #ask<T>(command: TakerCommand): Promise<T> {
    if (this.#over) return Promise.reject(new Error(`the lock taker has ended and cannot ${command.verb}`));
    const id = ++this.#commands;
    return new Promise<T>((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.child.send({ id, command });
    });
  }

  #receive(message: TakerMessage): void {
    if ('event' in message) {
      this.events.push(message.event);
      for (const look of this.#watchers) look();
      return;
    }
    const pending = this.#pending.get(message.to);
    this.#pending.delete(message.to);
    if ('error' in message) {
      const { message: text, ...details } = message.error;
      pending?.reject(Object.assign(new Error(text), details));
    } else {
      pending?.resolve(message.value as never);
    }
  }

  #end(): void {
    this.#over = true;
    for (const { reject } of this.#pending.values()) reject(new Error('the lock taker ended'));
    this.#pending.clear();
    for (const look of this.#watchers) look();
  }
}
