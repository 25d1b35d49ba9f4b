import type { AcquireOptions } from '../../lib/acquire-options.js';
import type { Lease } from '../../lib/holding/lease.js';
import type { Workplace } from './caller.js';
import type { Recorder } from './recorder.js';
import type { SeededRandom } from './seeded-random.js';

/** A name and its lease, with the call that the history knows it by. */
export interface Held {
  readonly call: string;
  readonly lease: Lease;
}

/** What a caller does with one name, as it is needed for several. */
export interface CallerTools {
  readonly place: Workplace;
  /** How long a call may take that does not wait. */
  readonly tryBoundMs: number;
  nextLabel(): string;
  optionsOf(label: string, tries: boolean): AcquireOptions;
  underLock(held: readonly Held[], lease: Lease): Promise<void>;
  release(calls: readonly string[], lease: Lease): Promise<void>;
  failed(call: string, name: string, error: unknown): void;
  record(happening: Parameters<Recorder['record']>[1]): void;
}

/** A caller who takes two or three names, all or none. In the history each is a call of its own. */
export class JointCaller {
  constructor(
    private readonly tools: CallerTools,
    private readonly random: SeededRandom,
  ) {}

  /** Now, instead of one name? */
  wants(): boolean {
    return this.tools.place.joint && this.random.chance(0.5);
  }

  async take(): Promise<void> {
    const { tools } = this;
    const { place } = tools;
    const wanted = Array.from({ length: this.random.integer(2, 4) }, () => this.random.pick(place.names)); // some twice
    const tries = this.random.chance(0.3);
    const label = tools.nextLabel();
    const options = tools.optionsOf(label, tries);
    const calls = this.#begin({ label, options, tries }, new Set(wanted));
    const lease = await this.#acquire(wanted, calls, { options, tries });
    if (lease === undefined) {
      if (calls.size > 1) place.recorder.joint.gotNone(place.node.process, label, place.node.locks);
      return;
    }
    const held = [...calls].map(([name, call]) => ({ call, lease: lease.partOn(name)! }));
    await tools.underLock(held, lease);
    await tools.release([...calls.values()], lease);
  }

  async #acquire(
    names: readonly string[],
    calls: ReadonlyMap<string, string>,
    { options, tries }: { options: AcquireOptions; tries: boolean },
  ): Promise<Lease | undefined> {
    const { recorder, node } = this.tools.place;
    const { waitMs: _, ...tryOptions } = options;
    try {
      const lease = await (tries
        ? node.locks.tryAcquire(names, tryOptions)
        : node.locks.acquire(names, options));
      if (lease !== null) {
        recorder.beginAll(node.process, calls, lease);
        return lease;
      }
      for (const [name, call] of calls)
        this.tools.record({ f: 'acquire', type: 'fail', call, name, code: 'LOCK_BUSY' });
    } catch (error) {
      for (const [name, call] of calls) this.tools.failed(call, name, error);
    }
    return undefined;
  }

  #begin(
    { label, options, tries }: { label: string; options: AcquireOptions; tries: boolean },
    names: ReadonlySet<string>,
  ): Map<string, string> {
    const { tools } = this;
    const { waitMs = 0 } = options;
    const waitBoundMs = waitMs === Infinity ? null : waitMs;
    // What was taken for a moment is given back before the answer.
    const boundMs = tries || waitMs === 0 ? 2 * tools.tryBoundMs : waitBoundMs;
    const calls = new Map([...names].map((name) => [name, names.size === 1 ? label : `${label}/${name}`]));
    if (names.size > 1) tools.place.recorder.joint.calls.add(label);
    // Not in line: it comes to the line of a name when it has those before it.
    for (const [name, call] of calls)
      tools.record({ f: 'acquire', type: 'invoke', call, name, boundMs, inLine: false });
    return calls;
  }
}
