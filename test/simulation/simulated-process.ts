import type { Clock } from '../../lib/runtime/clock.js';
import type { Randomness } from '../../lib/runtime/owner-token.js';
import type { SeededRandom } from './seeded-random.js';
import type { Actor, VirtualWorld, WorldEvent } from './virtual-world.js';

/** Monotonic clocks start anywhere: a test that confused two processes' clocks would be seen. */
const MONOTONIC_START_MS = 50_000;
const WALL_START_MS = Date.UTC(2026, 0, 1);
/** Within the 1 % that lib/runtime/clock.ts allows for. */
const CLOCK_SPEED = 0.004;
/** Node's timers come up to a millisecond early against performance.now(), or late. */
const TIMER_EARLY_MS = 0.9;
const TIMER_LATE_MS = 1.5;

const LONGEST_TURN_MS = 0.2;

const TOKEN_LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** One process: an event loop that can be stopped, clocks that can be wrong, chance of its own. */
export class SimulatedProcess implements Actor {
  alive = true;
  blockedUntilMs = 0;
  /** Its last turn took until then. */
  busyUntilMs = 0;
  /** While true, reading a clock may show that the loop lost time since the last reading: a garbage collection, a busy machine. */
  slow = false;
  readonly clock: Clock;
  readonly randomness: Randomness;
  /** Timers of the engine that would still fire, and whether they are in the background: see lib/runtime/clock.ts. */
  readonly timers = new Map<WorldEvent, boolean>();
  readonly #speed: number;
  #wallStepMs = 0;
  /** For so long the monotonic clock stood still: the machine slept. */
  #sleptMs = 0;
  /** How far this turn is ahead of the world: nothing else runs in this process until the world is there. */
  #turnMs = 0;

  constructor(
    readonly id: string,
    readonly world: VirtualWorld,
    private readonly random: SeededRandom,
  ) {
    const turns = random.fork('turns');
    this.#speed = 1 + random.between(-CLOCK_SPEED, CLOCK_SPEED);
    this.clock = {
      monotonicMs: () => this.monotonicMs(),
      wallMs: () => WALL_START_MS + this.#loopMs() + this.#wallStepMs,
      setTimer: (delayMs, callback, options) => {
        const event = this.#arm(this.#clockMs() + Math.max(0, delayMs), callback);
        this.timers.set(event, options?.background === true);
        return { cancel: () => this.#disarm(event) };
      },
      // A turn of the loop takes its time: messages and timers come in between.
      nextTurn: (callback) =>
        void world.at(this.nowMs + turns.between(0, LONGEST_TURN_MS), callback, { actor: this }),
    };
    const letters = random.fork('tokens');
    const fraction = random.fork('fractions');
    this.randomness = {
      ownerToken: () => Array.from({ length: 22 }, () => TOKEN_LETTERS[letters.integer(0, 63)]).join(''),
      fraction: () => fraction.next(),
    };
  }

  /** As seen from outside, in virtual time. */
  get nowMs(): number {
    return this.world.nowMs + this.#turnMs;
  }

  monotonicMs(): number {
    this.#loseTime();
    return this.#clockMs();
  }

  /** From this process's monotonic clock to virtual time. */
  toWorldMs(monotonicMs: number): number {
    return (monotonicMs - MONOTONIC_START_MS) / this.#speed + this.#sleptMs;
  }

  beginTurn(): void {
    this.#turnMs = 0;
  }

  endTurn(): void {
    this.busyUntilMs = this.nowMs;
    this.blockedUntilMs = Math.max(this.blockedUntilMs, this.busyUntilMs);
    this.#turnMs = 0;
  }

  /** Runs in this process as soon as it can. */
  soon(action: () => void): void {
    this.world.at(this.nowMs, action, { actor: this });
  }

  /** A timer outside of the engine's clock: the client's, or the workload's. Not counted by {@link timers}. */
  later(delayMs: number, action: () => void): WorldEvent {
    return this.world.at(this.nowMs + delayMs, action, { actor: this, kind: 'timer' });
  }

  /** None of its code runs for so long; its clocks go on. */
  freeze(forMs: number): void {
    this.blockedUntilMs = Math.max(this.blockedUntilMs, this.world.nowMs + forMs);
  }

  /** The machine sleeps: the wall clock goes on, the monotonic one does not. */
  sleep(forMs: number): void {
    this.freeze(forMs);
    this.#sleptMs += forMs;
  }

  stepWall(byMs: number): void {
    this.#wallStepMs += byMs;
  }

  #clockMs(): number {
    return MONOTONIC_START_MS + (this.nowMs - this.#sleptMs) * this.#speed;
  }

  #loopMs(): number {
    this.#loseTime();
    return this.nowMs;
  }

  #loseTime(): void {
    if (this.slow && this.random.chance(0.03)) this.#turnMs += this.random.between(0.1, 80);
  }

  #arm(dueMs: number, callback: () => void): WorldEvent {
    const spreadMs = this.random.between(-TIMER_EARLY_MS, TIMER_LATE_MS);
    const atMs = Math.max(this.nowMs, this.toWorldMs(dueMs) + spreadMs);
    const event = this.world.at(
      atMs,
      () => {
        this.timers.delete(event);
        callback();
      },
      { actor: this, kind: 'timer' },
    );
    return event;
  }

  #disarm(event: WorldEvent): void {
    event.cancelled = true;
    this.timers.delete(event);
  }
}
