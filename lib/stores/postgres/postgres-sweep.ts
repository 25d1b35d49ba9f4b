import type { Clock, Timer } from '../../runtime/clock.js';
import { arrayText } from './postgres-calls.js';
import type { PostgresHold } from './postgres-hold.js';
import type { PostgresLink } from './postgres-link.js';

/** So many names in one statement. */
const MOST = 1_000;
const SHORTEST_STEP_MS = 100;
const LONGEST_STEP_MS = 1_000;
/** What processes left behind that ended without a word. */
const DEAD_EVERY_MS = 60_000;
/** Who holds a lock for longer can be told at once when somebody ends it by force. */
const LONG_MS = 1_000;

interface Bucket {
  readonly dueMs: number;
  readonly keys: string[];
}

/** What the sweep needs of its store. */
export interface SweepHome {
  readonly clock: Clock;
  readonly link: PostgresLink;
  readonly commandMs: number;
  /** How long the trace of a clean release stays, in ms. */
  readonly keepMs: number;
  /** 0 to 1, by chance: processes should not sweep together. */
  fraction(): number;
  holds(): Iterable<PostgresHold>;
  /** Something is held for long. */
  heldLong(): void;
}

/**
 * Takes the rows away that nobody needs any more: each process those that it left itself, when their trace is over; and all of them, now and
 * then, what dead ones have left. The table stays as small as the locks that are in use.
 */
export class PostgresSweep {
  #buckets: Bucket[] = [];
  #timer: Timer | undefined;
  readonly #stepMs: number;
  #deadAtMs: number;
  #closed = false;

  constructor(private readonly home: SweepHome) {
    this.#stepMs = Math.min(LONGEST_STEP_MS, Math.max(SHORTEST_STEP_MS, home.keepMs / 4));
    this.#deadAtMs = this.#nextDeadMs();
  }

  /** A row was left for its trace. */
  left(key: string): void {
    const last = this.#buckets.at(-1);
    const dueMs = this.home.clock.monotonicMs() + this.home.keepMs;
    if (last !== undefined && dueMs - last.dueMs < this.#stepMs && last.keys.length < MOST)
      last.keys.push(key);
    else this.#buckets.push({ dueMs, keys: [key] });
    this.arm();
  }

  /** Something is held or was left. */
  arm(): void {
    if (this.#timer !== undefined || this.#closed) return;
    this.#timer = this.home.clock.setTimer(this.#stepMs, () => this.#look(), { background: true });
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #look(): void {
    this.#timer = undefined;
    const nowMs = this.home.clock.monotonicMs();
    // A bucket is as long as a step, so its last row is due a step later.
    while (this.#buckets[0] !== undefined && this.#buckets[0].dueMs + this.#stepMs <= nowMs)
      this.#forget(this.#buckets.shift()!.keys);
    const isHeld = this.#lookAtHolds(nowMs);
    if (nowMs >= this.#deadAtMs) {
      this.#deadAtMs = this.#nextDeadMs();
      this.#call('sweep_v1', String(MOST));
    }
    if (isHeld || this.#buckets.length > 0) this.arm();
  }

  /** Those whose lease ended long ago and that nobody gives back. */
  #lookAtHolds(nowMs: number): boolean {
    const abandoned: string[] = [];
    let isHeld = false;
    for (const hold of this.home.holds()) {
      if (hold.deadlineMs === -Infinity) continue;
      isHeld = true;
      if (nowMs - hold.heldSinceMs > LONG_MS && nowMs < hold.deadlineMs) this.home.heldLong();
      const overMs = nowMs - hold.deadlineMs - this.home.keepMs;
      if (overMs > 0 && overMs <= 2 * this.#stepMs) abandoned.push(hold.key);
    }
    if (abandoned.length > 0) this.#forget(abandoned);
    return isHeld;
  }

  #forget(keys: readonly string[]): void {
    this.#call('forget_v1', arrayText([...new Set(keys)]));
  }

  /** What fails is swept by others, or the next time. */
  #call(name: 'forget_v1' | 'sweep_v1', value: string): void {
    const { link, commandMs } = this.home;
    if (link.isReady) link.send(name, { values: [value], boundMs: commandMs }, () => undefined);
  }

  #nextDeadMs(): number {
    return this.home.clock.monotonicMs() + DEAD_EVERY_MS * (1 + this.home.fraction());
  }
}
