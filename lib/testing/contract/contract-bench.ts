import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Clock, systemClock } from '../../runtime/clock.js';
import { LockManager } from '../../lock-manager.js';
import type { LockManagerOptions } from '../../lock-options.js';
import { systemRandomness } from '../../runtime/owner-token.js';
import type { LockStore } from '../../stores/lock-store.js';
import type { ContractPlace, OutsideProbe } from './contract-types.js';
import { KEEP_MS, PortProcess } from './port-process.js';

/** Title, a sentence about behaviour → what to do on a fresh bench. */
export type ContractCases = Readonly<Record<string, (bench: ContractBench) => Promise<void>>>;

const PATIENCE_MS = 8_000;
const STEP_MS = 10;

/** What a case works with; closes whatever the case opened. */
export class ContractBench {
  readonly clock: Clock;
  /** How late a timer of a busy machine may be, in ms; a clock moved by hand is never late. */
  readonly latenessMs: number;
  readonly #managers: LockManager[] = [];
  readonly #ports: PortProcess[] = [];

  /** @param leaseMs a lease that a case lets run out */
  constructor(
    private readonly place: ContractPlace,
    private readonly probe: OutsideProbe | undefined,
    readonly leaseMs: number = 300,
  ) {
    this.clock = place.clock ?? systemClock;
    this.latenessMs = place.clock === undefined ? 500 : 0;
  }

  get outside(): OutsideProbe {
    assert.ok(this.probe, 'this case needs a probe');
    return this.probe;
  }

  /** A process that uses the port directly, without an engine. */
  async process(options: { prefix?: string; store?: LockStore } = {}): Promise<PortProcess> {
    const process = new PortProcess(
      options.store ?? this.place.openStore(),
      (check, what) => this.until(check, what),
      {
        prefix: options.prefix ?? this.place.prefix,
        keepMs: KEEP_MS,
        clock: this.clock,
        randomness: systemRandomness,
      },
    );
    this.#ports.push(process);
    await process.store.ready();
    return process;
  }

  async fourProcesses(): Promise<[PortProcess, PortProcess, PortProcess, PortProcess]> {
    return [await this.process(), await this.process(), await this.process(), await this.process()];
  }

  /** Is a store of this place like that? */
  async offers(what: (store: LockStore) => boolean): Promise<boolean> {
    const store = this.place.openStore();
    await store.close();
    return what(store);
  }

  /** A process with an engine. @param wrap puts something between it and its store */
  manager(
    options: Partial<LockManagerOptions> = {},
    wrap: (store: LockStore) => LockStore = (store) => store,
  ): LockManager {
    const { prefix } = this.place;
    const store = wrap(this.place.openStore());
    const locks = new LockManager({
      prefix,
      clock: this.clock,
      keepMs: KEEP_MS,
      drainMs: 0,
      ...options,
      store,
    });
    locks.on('warning', () => undefined); // else each test run prints them
    this.#managers.push(locks);
    return locks;
  }

  advance(ms: number): Promise<void> {
    return this.place.advance(ms);
  }

  /** A pause in which everything else may run, and no time passes by a clock moved by hand. */
  pause(): Promise<void> {
    return nextTurn();
  }

  /** Waits for something, letting time pass meanwhile. */
  async drive<T>(promise: Promise<T>, what = 'a promise to settle'): Promise<T> {
    let settled = false;
    const settle = () => void (settled = true);
    promise.then(settle, settle);
    await this.until(async () => settled, what);
    return promise;
  }

  /** As {@link drive}, for something that must fail: gives the error. */
  async failure(promise: Promise<unknown>): Promise<{ [key: string]: unknown }> {
    try {
      await this.drive(promise, 'a call to fail');
    } catch (error) {
      return error as { [key: string]: unknown };
    }
    return assert.fail('the call was expected to fail, but it succeeded');
  }

  async until(check: () => Promise<boolean>, what: string): Promise<void> {
    const givesUpMs = this.clock.monotonicMs() + PATIENCE_MS;
    await this.advance(0);
    while (!(await check())) {
      if (this.clock.monotonicMs() > givesUpMs) assert.fail(`waited ${PATIENCE_MS} ms for ${what}`);
      await this.advance(STEP_MS);
    }
  }

  async close(): Promise<void> {
    await this.drive(Promise.all(this.#managers.map((locks) => locks.close())), 'the managers to close');
    for (const process of this.#ports) await process.close();
    await this.place.close();
  }
}

/** Cases about what a store may leave out: where it does, they have nothing to show. */
export function where(offered: (store: LockStore) => boolean, cases: ContractCases): ContractCases {
  const onlyThere = (run: ContractCases[string]) => async (bench: ContractBench) => {
    if (await bench.offers(offered)) await run(bench);
  };
  return Object.fromEntries(Object.entries(cases).map(([title, run]) => [title, onlyThere(run)]));
}

/** Counts what a manager asks of its store. */
export function watchStore(): { acquires: number; renewals: number; wrap: (store: LockStore) => LockStore } {
  const seen = {
    acquires: 0,
    renewals: 0,
    wrap: (store: LockStore) =>
      wrapStore(store, {
        acquire: (request, signal) => ((seen.acquires += 1), store.acquire(request, signal)),
        renew: (requests) => ((seen.renewals += 1), store.renew(requests)),
      }),
  };
  return seen;
}

/** `undefined` takes an operation away that the port leaves open. */
export type Replaced = { [K in keyof LockStore]?: LockStore[K] | undefined };

/** A store with some operations replaced, to count, delay or spoil them. */
export function wrapStore(store: LockStore, replaced: Replaced): LockStore {
  return new Proxy(store, {
    get(target, key: keyof LockStore) {
      if (Object.hasOwn(replaced, key)) return replaced[key];
      const member: unknown = target[key];
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
}
