import type { Lease } from '../../lib/holding/lease.js';
import { LockLostError } from '../../lib/lock-errors.js';
import type { HeldKind, Violation } from '../support/history/check-history.js';
import { exclude } from '../support/history/kinds.js';
import type { Workplace } from './caller.js';
import type { SeededRandom } from './seeded-random.js';

type Mode = 'exclusive' | 'shared';

/** What was wrong with those who entered a lock from inside of it. */
export type SiblingSlip = Violation & { readonly rule: 'M1' | 'M2' | 'L2' };

/** Work inside of a lock that enters it again, several beside each other: they exclude each other by their modes. */
export class Siblings {
  constructor(
    private readonly place: Workplace,
    private readonly random: SeededRandom,
  ) {}

  /** Now and then. `kind`: how the lock is held that they enter. */
  async run(outer: Lease, kind: HeldKind | undefined): Promise<void> {
    const { random } = this;
    if (this.place.kinds.size === 0 || kind === undefined || kind === 'limited' || !random.chance(0.2))
      return;
    const inside = new Set<Mode>();
    const count = random.integer(2, 3);
    await Promise.all(
      Array.from({ length: count }, () => {
        const mode = kind === 'exclusive' && random.chance(0.6) ? 'exclusive' : 'shared';
        return this.#enter(outer, mode, inside);
      }),
    );
  }

  async #enter(outer: Lease, mode: Mode, inside: Set<Mode>): Promise<void> {
    const { node, recorder } = this.place;
    const { name, fencingToken } = outer;
    const stayMs = this.random.between(0, 6);
    const work = async (lease: Lease) => {
      recorder.coverage.entered += 1;
      if (lease.state !== 'held' || outer.state !== 'held') return;
      if ([...inside].some((other) => exclude(other, mode)))
        this.#slip('M1', `${lease.label} entered "${name}" beside one that excludes it`);
      if (lease.fencingToken !== fencingToken)
        this.#slip(
          'M2',
          `${lease.label} entered "${name}" with token ${lease.fencingToken} instead of ${fencingToken}`,
        );
      inside.add(mode);
      await new Promise<void>((resolve) => void node.process.later(stayMs, resolve));
      inside.delete(mode);
    };
    const options = { mode, waitMs: 2_000, label: outer.label };
    await node.locks.using(name, work, options).catch((error: unknown) => {
      const isFull = (error as { code?: unknown }).code === 'LOCK_QUEUE_FULL';
      const isRight = isFull || error instanceof LockLostError || outer.state !== 'held' || node.closing;
      if (!isRight) this.#slip('L2', `nobody entered "${name}": ${String(error)}`);
    });
  }

  #slip(rule: SiblingSlip['rule'], message: string): void {
    this.place.recorder.siblings.push({ rule, atMs: this.place.node.process.nowMs, message });
  }
}
