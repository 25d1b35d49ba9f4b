import type { Recorder } from './recorder.js';
import type { SeededRandom } from './seeded-random.js';
import type { VirtualWorld } from './virtual-world.js';

/** What a lock protects: takes a write unless it has seen a larger fencing token. Writes reach it when they please. */
export class FencedResource {
  readonly #state = new Map<string, { fence: number; version: number }>();

  constructor(
    private readonly world: VirtualWorld,
    private readonly recorder: Recorder,
    private readonly random: SeededRandom,
  ) {}

  /** Sent now, on its way for a while: the sender may have lost its lease when it arrives. */
  write({ call, name, fence, sentMs }: { call: string; name: string; fence: number; sentMs: number }): void {
    const delayMs = this.random.chance(0.9) ? this.random.between(0.1, 5) : this.random.between(5, 2_000);
    this.world.at(sentMs + delayMs, () => {
      const state = this.#state.get(name) ?? { fence: 0, version: 0 };
      if (fence < state.fence) {
        this.recorder.observe({ f: 'write', type: 'refused', call, name });
        return;
      }
      const version = state.version + 1;
      this.#state.set(name, { fence, version });
      this.recorder.observe({ f: 'write', type: 'accepted', call, name, fence, version });
    });
  }

  /** What it holds at the end. */
  tell(): void {
    for (const [name, { fence, version }] of this.#state)
      this.recorder.observe({ f: 'resource', name, fence, version });
  }
}
