import type { LockManager } from '../../lib/lock-manager.js';
import type { Violation } from '../support/history/check-history.js';
import type { Coverage } from './coverage.js';
import type { SimulatedProcess } from './simulated-process.js';

/** What no history shows of those who take several names: all or none, and in one order. */
export class JointRule {
  readonly slips: Violation[] = [];
  /** Labels of calls for several names: each is one call's. */
  readonly calls = new Set<string>();

  constructor(private readonly coverage: Coverage) {}

  /** One of them is waited for: then only names that come before it are held. */
  waits(
    process: SimulatedProcess,
    { name, label }: { name: string; label: string },
    locks: LockManager,
  ): void {
    if (!this.calls.has(label)) return;
    const held = heldBy(label, locks);
    this.coverage.jointWaits += 1;
    if (held.length > 0) this.coverage.jointWaitsHolding += 1;
    for (const other of held)
      if (other >= name) this.#slip(process, `${label} waited for "${name}" while it held "${other}"`);
  }

  /** A call for several names has failed: then it holds none. */
  gotNone(process: SimulatedProcess, label: string, locks: LockManager): void {
    this.coverage.jointNone += 1;
    for (const name of heldBy(label, locks)) this.#slip(process, `${label} failed and still held "${name}"`);
  }

  #slip(process: SimulatedProcess, message: string): void {
    this.slips.push({ rule: 'L2', atMs: process.nowMs, message });
  }
}

function heldBy(label: string, locks: LockManager): string[] {
  const held = locks.held().filter((lock) => lock.label === label);
  return held.map(({ name }) => name);
}
