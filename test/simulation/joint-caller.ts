import type { AcquireOptions } from '../../lib/acquire-options.js';
import type { HeldKind } from '../support/history/check-history.js';
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

/** A tree of names, for layers: these and what is above them. */
const LAYERED_NAMES = ['g', 'g/1', 'g/2', 'g/1/x', 'g/1/y'];

/** What is asked for, and how each name of it is held then. */
interface Chosen extends Pick<AcquireOptions, 'layers' | 'mode'> {
  readonly names: string | readonly string[];
  readonly kinds: ReadonlyMap<string, HeldKind>;
}

/** A caller who takes two or three names, all or none. In the history each is a call of its own. */
export class JointCaller {
  constructor(
    private readonly tools: CallerTools,
    private readonly random: SeededRandom,
  ) {}

  /** Now, instead of one name? */
  wants(): boolean {
    const { joint, layered } = this.tools.place;
    return (joint || layered) && this.random.chance(0.5);
  }

  async take(): Promise<void> {
    const { tools } = this;
    const { place } = tools;
    const { names, kinds, ...layers } = this.#choose();
    const tries = this.random.chance(0.3);
    const label = tools.nextLabel();
    const options = { ...tools.optionsOf(label, tries), ...layers };
    const calls = this.#begin({ label, options, tries }, kinds);
    const askedAtMs = place.node.process.nowMs;
    const lease = await this.#acquire(names, calls, { options, tries });
    if (lease === undefined) {
      if (calls.size > 1) place.recorder.joint.gotNone(place.node.process, label, place.node.locks);
      return;
    }
    if (options.layers === true) place.recorder.layers.granted(place.node.process, lease, askedAtMs);
    const held = [...calls].map(([name, call]) => ({ call, lease: lease.partOn(name)! }));
    await tools.underLock(held, lease);
    await tools.release([...calls.values()], lease);
  }

  /** Several names that have nothing to do with each other; or one with all that is above it, which makes several. */
  #choose(): Chosen {
    const { random } = this;
    const { names, joint, layered } = this.tools.place;
    if (!layered || (joint && random.chance(0.5))) {
      const wanted = Array.from({ length: random.integer(2, 4) }, () => random.pick(names)); // some twice
      return { names: wanted, kinds: new Map(wanted.map((name) => [name, 'exclusive'])) };
    }
    const name = random.pick(LAYERED_NAMES);
    const mode = random.chance(0.5) ? 'exclusive' : 'shared';
    const levels = name.split('/');
    const kinds = new Map<string, HeldKind>(
      levels.slice(1).map((_, at) => [levels.slice(0, at + 1).join('/'), `intention-${mode}`]),
    );
    return { names: name, kinds: kinds.set(name, mode), layers: true, mode };
  }

  async #acquire(
    names: string | readonly string[],
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
    kinds: ReadonlyMap<string, HeldKind>,
  ): Map<string, string> {
    const { tools } = this;
    const { waitMs = 0 } = options;
    const waitBoundMs = waitMs === Infinity ? null : waitMs;
    // What was taken for a moment is given back before the answer.
    const boundMs = tries || waitMs === 0 ? 2 * tools.tryBoundMs : waitBoundMs;
    const labelOf = (name: string) => (kinds.size === 1 ? label : `${label}/${name}`);
    const calls = new Map([...kinds.keys()].map((name) => [name, labelOf(name)]));
    if (kinds.size > 1) tools.place.recorder.joint.calls.add(label);
    // Not in line: it comes to the line of a name when it has those before it.
    for (const [name, call] of calls)
      tools.record({
        f: 'acquire',
        type: 'invoke',
        call,
        name,
        boundMs,
        inLine: false,
        kind: kinds.get(name)!,
      });
    return calls;
  }
}
