// over budget: one user of locks, and all that it may do
import type { Lease } from '../../lib/holding/lease.js';
import type { AcquireOptions } from '../../lib/acquire-options.js';
import type { FencedResource } from './fenced-resource.js';
import { type CallerTools, type Held, JointCaller } from './joint-caller.js';
import { KindsOfLocks } from './kinds-of-locks.js';
import { Operator } from './operator.js';
import type { Recorder } from './recorder.js';
import type { SeededRandom } from './seeded-random.js';
import { Siblings } from './siblings.js';
import type { SimulatedNode } from './simulated-node.js';

export interface Workplace {
  readonly node: SimulatedNode;
  readonly recorder: Recorder;
  readonly resource: FencedResource;
  readonly names: readonly string[];
  readonly leases: readonly number[];
  readonly commandMs: number;
  /** Somebody ends holders by force now and then. */
  readonly forceful: boolean;
  readonly hurried: boolean;
  readonly broad: boolean;
  readonly joint: boolean;
  readonly layered: boolean;
  /** Of each name: readers and writers, or a limit of so many. */
  readonly kinds: ReadonlyMap<string, 'shared' | number>;
}

const LONGEST_WAIT_MS = 8_000;
/** One try is one command; before the first one the store connects and checks the server, a command each. */
const COMMANDS_OF_A_TRY = 6;
/** Whether it may ask gates at all, and the way to the gate and back. */
const COMMANDS_OF_A_GATE = 4;

/** One user of a lock manager: takes locks, works under them, gives them back, changes its mind. */
export class Caller {
  done = false;
  #count = 0;
  readonly #leaving: SeededRandom;
  readonly #crowd: SeededRandom;
  readonly #endings: SeededRandom;
  readonly #together: JointCaller;
  readonly #kinds: KindsOfLocks;
  readonly #operator: Operator;
  readonly #siblings: Siblings;

  constructor(
    readonly id: string,
    private readonly place: Workplace,
    private readonly random: SeededRandom,
  ) {
    this.#leaving = random.fork('leaving');
    this.#crowd = random.fork('crowd');
    this.#endings = random.fork('endings');
    this.#kinds = new KindsOfLocks(place, random.fork('kinds'));
    this.#operator = new Operator(place, random.fork('operator'));
    this.#siblings = new Siblings(place, random.fork('siblings'));
    this.#together = new JointCaller(this.#tools(), random.fork('joint'));
  }

  #tools(): CallerTools {
    return {
      place: this.place,
      tryBoundMs: this.#tryBoundMs,
      nextLabel: () => `${this.id}#${this.#count++}`,
      optionsOf: (label, tries) => this.#optionsOf(label, tries),
      underLock: (held, lease) => this.#underLock(held, lease),
      release: (calls, lease) => this.#release(calls, lease),
      failed: (call, name, error) => this.#failed(call, name, error),
      record: (happening) => this.#record(happening),
    };
  }

  get #tryBoundMs(): number {
    const { commandMs, kinds, layered } = this.place;
    return commandMs * (COMMANDS_OF_A_TRY + (kinds.size > 0 || layered ? COMMANDS_OF_A_GATE : 0));
  }

  /** Never rejects. Stops early when its process closes. */
  async work(rounds: number): Promise<void> {
    const { node } = this.place;
    for (let round = 0; round < rounds && !node.closing; round++) {
      const longestMs = this.random.chance(this.place.hurried ? 0.95 : 0.5) ? 20 : 2_500;
      await this.#sleep(this.random.between(0, longestMs));
      await this.#round();
    }
    this.done = true;
  }

  async #round(): Promise<void> {
    if (this.#together.wants()) return this.#together.take();
    const what = this.random.next();
    if (this.place.broad && what > 0.5) {
      await this.#takeMany();
      return;
    }
    const name = this.random.pick(this.place.names);
    await this.#operator.setLimit(name);
    if (what < 0.03 && this.place.forceful) await this.#operator.force(name);
    else if (what < 0.06) await this.place.node.locks.inspect(name).catch(() => undefined);
    else if (what < 0.4) await this.#use(name);
    else await this.#take(name, what < 0.55);
  }

  /** `using` */
  async #use(name: string): Promise<void> {
    const { locks } = this.place.node;
    const { call, options } = this.#begin(name, false);
    let began = false;
    const work = async (lease: Lease) => {
      began = true;
      this.place.recorder.begin(this.place.node.process, { call, lease });
      await this.#underLock([{ call, lease }], lease);
      await this.#siblings.run(lease, this.place.recorder.kindOf.get(call));
      // From here on the lease is on its way back, whatever the work still thinks.
      this.#record({ f: 'release', type: 'invoke', call });
    };
    await locks.using(name, work, options).catch((error: unknown) => {
      if (!began) this.#failed(call, name, error);
    });
  }

  async #take(name: string, tries: boolean): Promise<void> {
    const taken = await this.#obtain(name, tries);
    if (taken === undefined) return;
    const { call, lease } = taken;
    await this.#underLock([{ call, lease }], lease);
    await this.#release([call], lease);
    if (this.random.chance(0.1)) await this.#releaseAgain(call, lease);
  }

  /** All in one turn, and given back in one turn. */
  async #takeMany(): Promise<void> {
    const names = this.place.names.filter(() => this.random.chance(0.8));
    const tries = this.random.chance(0.7);
    const taken = (await Promise.all(names.map((name) => this.#obtain(name, tries)))).filter(
      (one) => one !== undefined,
    );
    await Promise.all(taken.map((held) => this.#underLock([held], held.lease)));
    await Promise.all(taken.map(({ call, lease }) => this.#release([call], lease)));
  }

  async #obtain(name: string, tries: boolean): Promise<{ call: string; lease: Lease } | undefined> {
    const { locks, process } = this.place.node;
    const { call, options } = this.#begin(name, tries);
    // Now and then the process leaves just then.
    if (this.#leaving.chance(0.01))
      process.later(this.#leaving.between(0, 6), () => void this.place.node.close());
    try {
      const { waitMs: _, ...tryOptions } = options;
      const lease = tries ? await locks.tryAcquire(name, tryOptions) : await locks.acquire(name, options);
      if (lease !== null) {
        this.place.recorder.begin(process, { call, lease });
        return { call, lease };
      }
      this.#record({ f: 'acquire', type: 'fail', call, name, code: 'LOCK_BUSY' });
    } catch (error) {
      this.#failed(call, name, error);
    }
    return undefined;
  }

  #begin(name: string, tries: boolean): { call: string; options: AcquireOptions } {
    const call = `${this.id}#${this.#count++}`;
    const { options: kind, noted } = this.#kinds.wanted(name);
    const options = this.#optionsOf(call, tries, (waitMs) => {
      const inLine = !tries && waitMs > 0;
      const waitBoundMs = waitMs === Infinity ? null : waitMs;
      const boundMs = inLine ? waitBoundMs : this.#tryBoundMs;
      this.#record({ f: 'acquire', type: 'invoke', call, name, boundMs, inLine, ...noted });
    });
    return { call, options: { ...options, ...kind } };
  }

  #optionsOf(
    label: string,
    tries: boolean,
    begin: (waitMs: number) => void = () => undefined,
  ): AcquireOptions {
    const { leases } = this.place;
    const leaseMs = this.random.pick(leases);
    const forEver = this.random.chance(this.place.broad ? 0 : 0.05); // many at once, for ever, would be a deadlock
    const waitMs = forEver ? Infinity : this.random.integer(0, LONGEST_WAIT_MS);
    begin(waitMs);
    const renew = this.random.chance(0.8);
    const options: AcquireOptions = { leaseMs, renew, label };
    if (!tries) options.waitMs = waitMs;
    if (this.#crowd.chance(0.05)) options.maxWaitingProcesses = this.#crowd.integer(1, 3);
    if (this.#crowd.chance(0.1)) options.cohortMs = this.#crowd.integer(0, 50);
    if (this.#endings.chance(0.5)) options.release = 'sent';
    if (this.random.chance(0.15)) options.signal = this.#changesItsMind();
    return options;
  }

  #changesItsMind(): AbortSignal {
    const controller = new AbortController();
    const afterMs = this.random.chance(0.5) ? this.random.between(0, 30) : this.random.between(0, 3_000);
    this.place.node.process.later(afterMs, () => controller.abort(new Error('changed its mind')));
    return controller.signal;
  }

  /** Looks before each write whether the lease is still held, as a careful user does. */
  async #underLock(held: readonly Held[], lease: Lease): Promise<void> {
    const { recorder, resource } = this.place;
    const { process } = this.place.node;
    const { hurried } = this.place;
    if (held.length === 1) await this.#kinds.change(held[0]!.call, lease);
    if (hurried && this.#crowd.chance(0.15)) return; // an empty section
    const steps = this.random.integer(1, hurried ? 2 : 3);
    const longMs = this.random.chance(hurried ? 0.97 : 0.8) ? (hurried ? 2 : 30) : lease.leaseMs;
    for (let step = 0; step < steps; step++) {
      const checkedAtMs = process.nowMs;
      if (lease.state === 'held') {
        for (const { call, lease: part } of held) {
          recorder.held(process, call, part);
          if (recorder.kindOf.get(call) !== 'exclusive') continue; // a reader does not write
          const { name, fencingToken: fence } = part;
          this.#record({ f: 'write', type: 'invoke', call, name, fence, checkedAtMs });
          resource.write({ call, name, fence, sentMs: process.nowMs });
        }
      }
      await this.#sleep(this.random.between(0, longMs));
      if (this.random.chance(0.15))
        await lease.extend(this.random.pick(this.place.leases)).catch(() => undefined);
    }
  }

  async #release(calls: readonly string[], lease: Lease): Promise<void> {
    for (const call of calls) this.#record({ f: 'release', type: 'invoke', call });
    try {
      const result = await lease.release();
      for (const call of calls) this.#record({ f: 'release', type: 'ok', call, result });
    } catch (error) {
      for (const call of calls) this.#record({ f: 'release', type: 'fail', call, code: codeOf(error) });
    }
  }

  /** Gets the answer of the first time: another one goes into the history, which does not allow two. */
  async #releaseAgain(call: string, lease: Lease): Promise<void> {
    const first = await lease.release().catch(() => undefined);
    const second = await lease.release().catch(() => undefined);
    if (first === second || second === undefined) return;
    this.#record({ f: 'release', type: 'invoke', call });
    this.#record({ f: 'release', type: 'ok', call, result: second });
  }

  #failed(call: string, name: string, error: unknown): void {
    this.#record({ f: 'acquire', type: 'fail', call, name, code: codeOf(error) });
  }

  #record(happening: Parameters<Recorder['record']>[1]): void {
    this.place.recorder.record(this.place.node.process, happening);
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.place.node.process.later(ms, resolve));
  }
}

function codeOf(error: unknown): string {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return String(code ?? message);
}
