import type { AcquireOptions } from '../../lib/acquire-options.js';
import type { Lease } from '../../lib/holding/lease.js';
import type { HeldKind } from '../support/history/check-history.js';
import type { Workplace } from './caller.js';
import type { SeededRandom } from './seeded-random.js';

/** How a caller wants a name, as it tells the lock manager and as it is written down. */
export interface Wanted {
  readonly options: Pick<AcquireOptions, 'mode' | 'limit' | 'weight'>;
  readonly noted: { readonly kind?: HeldKind; readonly weight?: number; readonly limit?: number };
}

const EXCLUSIVE: Wanted = { options: {}, noted: {} };
const LONGEST_UPGRADE_MS = 3_000;

/** What a caller does with the kinds of locks: which one it asks for, upgrades and downgrades. */
export class KindsOfLocks {
  constructor(
    private readonly place: Workplace,
    private readonly random: SeededRandom,
  ) {}

  wanted(name: string): Wanted {
    const { random } = this;
    const use = this.place.kinds.get(name);
    if (use === undefined) return EXCLUSIVE;
    const dice = random.next();
    if (use === 'shared') {
      if (dice < 0.25) return EXCLUSIVE;
      const mode = dice < 0.7 ? 'shared' : 'upgradeable';
      return { options: { mode }, noted: { kind: mode } };
    }
    if (dice < 0.15) return EXCLUSIVE;
    const permit = { limit: use, weight: random.chance(0.6) ? 1 : random.integer(1, use) };
    return { options: permit, noted: { kind: 'limited', ...permit } };
  }

  /** Sometimes up, sometimes down, sometimes both. */
  async change(call: string, lease: Lease): Promise<void> {
    const { random, place } = this;
    if (place.kinds.size === 0) return;
    const { kindOf } = place.recorder;
    if (kindOf.get(call) === 'upgradeable' && random.chance(0.6)) await this.#upgrade(call, lease);
    if (kindOf.get(call) === 'exclusive' && random.chance(0.25)) await this.#downgrade(call, lease);
    else if (kindOf.get(call) === 'upgradeable' && random.chance(0.1)) await this.#downgrade(call, lease);
  }

  async #upgrade(call: string, lease: Lease): Promise<void> {
    const { random } = this;
    const { recorder, node } = this.place;
    const askedAtMs = node.process.nowMs;
    const waitMs = random.chance(0.2) ? 0 : random.integer(1, LONGEST_UPGRADE_MS);
    const controller = new AbortController();
    if (random.chance(0.2))
      node.process.later(random.between(0, 500), () => controller.abort(new Error('changed its mind')));
    recorder.record(node.process, { f: 'upgrade', type: 'invoke', call });
    try {
      await lease.upgrade({ waitMs, signal: controller.signal });
      recorder.coverage.upgraded += 1;
      recorder.changed(node.process, { call, kind: 'exclusive', fence: lease.fencingToken, askedAtMs });
    } catch {
      recorder.coverage.upgradeRefused += 1; // the lease stays as it was, or is lost, and says so
    } finally {
      recorder.record(node.process, { f: 'upgrade', type: 'end', call });
    }
  }

  async #downgrade(call: string, lease: Lease): Promise<void> {
    const { recorder, node } = this.place;
    if (lease.state !== 'held') return;
    const [askedAtMs, fence] = [node.process.nowMs, lease.fencingToken];
    // From the call on it counts as shared.
    recorder.changed(node.process, { call, kind: 'shared', fence, askedAtMs });
    await lease.downgrade().then(
      () => (recorder.coverage.downgraded += 1),
      () => undefined,
    );
  }
}
