import type { Lease } from '../../lib/holding/lease.js';
import type { Violation } from '../support/history/check-history.js';
import type { Coverage } from './coverage.js';
import type { SimulatedProcess } from './simulated-process.js';

interface Grant {
  readonly name: string;
  readonly fence: number;
  readonly atMs: number;
}

const isOnPath = (a: string, b: string) => a === b || a.startsWith(`${b}/`) || b.startsWith(`${a}/`);

/** What no history of single names shows of layers: a layered grant has a token above every one that was granted before on its path. */
export class LayerRule {
  readonly slips: (Violation & { readonly rule: 'M2' })[] = [];
  readonly #grants: Grant[] = [];

  constructor(private readonly coverage: Coverage) {}

  granted(process: SimulatedProcess, lease: Lease, askedAtMs: number): void {
    const name = lease.names.at(-1)!;
    const { fencingToken: fence, mode } = lease.partOn(name)!;
    this.coverage.layered += 1;
    if (mode !== 'exclusive') return;
    const before = this.#grants.find(
      (other) => other.atMs < askedAtMs && isOnPath(other.name, name) && other.fence >= fence,
    );
    if (before !== undefined) {
      const message = `"${name}" was granted with token ${fence} after token ${before.fence} of "${before.name}"`;
      this.slips.push({ rule: 'M2', atMs: process.nowMs, message });
    }
    this.#grants.push({ name, fence, atMs: process.nowMs });
  }
}
