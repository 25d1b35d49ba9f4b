import type { Violation } from '../support/history/check-history.js';
import type { SimulatedProcess } from './simulated-process.js';

/** The longest slice of lib/holding/kept-hold.ts, and of shape.ts; on a slow machine a clock may be read a little later than it is used. */
const LONGEST_SLICE_MS = 80;
const SLOW_READING_MS = 161;
/** Scripts at the same moment see the clock a little later one by one. */
const SAME_MOMENT_US = 200;

/** What no history shows: a slice that was too long, a token that is ahead of the store's clock. */
export class SliceRule {
  readonly slips: (Violation & { readonly rule: 'M2' | 'F1' })[] = [];
  /** The store's clock. */
  serverUs: (atMs: number) => number = () => Infinity;
  /** By owner token. */
  readonly #beganAtMs = new Map<string, number>();

  /** The store gave the hold to its process, or left it there. */
  begin(process: SimulatedProcess, ownerToken: string): void {
    this.#beganAtMs.set(ownerToken, process.nowMs);
  }

  /** @param agoMs how long ago that was */
  handedOn(
    process: SimulatedProcess,
    { call, ownerToken, agoMs }: { call: string; ownerToken: string; agoMs: number },
  ): void {
    const ms = process.nowMs - agoMs - (this.#beganAtMs.get(ownerToken) ?? -Infinity);
    if (ms <= LONGEST_SLICE_MS + SLOW_READING_MS) return;
    this.#slip('F1', process, `${call} was handed on ${ms.toFixed(1)} ms after the store was asked`);
  }

  used(process: SimulatedProcess, call: string, fence: number): void {
    if (fence > this.serverUs(process.nowMs) + SAME_MOMENT_US)
      this.#slip('M2', process, `${call} got token ${fence}, which is ahead of the store's clock`);
  }

  #slip(rule: 'M2' | 'F1', { nowMs }: SimulatedProcess, message: string): void {
    this.slips.push({ rule, atMs: nowMs, message });
  }
}
