import { describe, expect, it } from '@jest/globals';
import type { AcquireOptions } from '../../lib/index.js';
import { countedLocks } from '../support/counted-locks.js';
import { ManualLocks, type ManualManager } from '../support/manual-locks.js';

const NAME = 'report:1';
const SECTION_MS = 3;
/** `cohortMs`, by default; while nobody else waits a slice grows to 80. */
const SLICE_MS = 10;

const WRITE: AcquireOptions = {};
const READ: AcquireOptions = { mode: 'shared' };
const PERMIT: AcquireOptions = { limit: 5 };

/** Callers who come back as soon as they have left, for as long as the test runs. */
class Crowd {
  #isOver = false;
  sections = 0;
  readonly #callers: Promise<void>[];

  constructor(
    private readonly place: ManualLocks,
    processes: readonly ManualManager[],
    private readonly options: AcquireOptions,
  ) {
    const each = 100 / processes.length;
    this.#callers = processes.flatMap((locks) => Array.from({ length: each }, () => this.#call(locks)));
  }

  async #call(locks: ManualManager): Promise<void> {
    const section = (): Promise<void> => {
      this.sections += 1;
      return new Promise((resolve) => void this.place.clock.setTimer(SECTION_MS, resolve));
    };
    while (!this.#isOver) await locks.using(NAME, section, { ...this.options, waitMs: Infinity });
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.place.clock.advanceAsync(100 * SECTION_MS);
    await Promise.all(this.#callers);
  }
}

interface Scene {
  readonly crowd: AcquireOptions;
  /** Of the crowd. */
  readonly processes: number;
  readonly one: AcquireOptions;
  /** Is the one in a process of its own? */
  readonly apart?: boolean;
}

/** The longest of several waits of one caller, each begun when the crowd has had the name for another time; in ms. */
async function longestWait({ crowd, processes, one, apart = false }: Scene): Promise<number> {
  const place = new ManualLocks();
  const { clock } = place;
  const managers = Array.from({ length: processes }, () => place.open());
  const many = new Crowd(place, managers, crowd);
  const asking = apart ? place.open() : managers[0]!;
  let longestMs = 0;
  for (let round = 0; round < 12; round++) {
    await clock.advanceAsync(90 + 7 * round);
    const askedAtMs = clock.monotonicMs();
    let enteredAtMs: number | undefined;
    const served = asking.using(NAME, () => void (enteredAtMs = clock.monotonicMs()), one);
    while (enteredAtMs === undefined) await clock.advanceAsync(0.5);
    longestMs = Math.max(longestMs, enteredAtMs - askedAtMs);
    await served;
  }
  expect(many.sections).toBeGreaterThan(500);
  await many.end();
  return longestMs;
}

describe('one caller among 100 of another kind who come without pause', () => {
  it.each([
    ['a writer among readers of its process', { one: WRITE, crowd: READ, processes: 1 }],
    ['a writer among readers of 4 processes', { one: WRITE, crowd: READ, processes: 4 }],
    ['a reader among writers of its process', { one: READ, crowd: WRITE, processes: 1 }],
    ['a reader among writers of another process', { one: READ, crowd: WRITE, processes: 1, apart: true }],
    ['an upgradeable reader among writers', { one: { mode: 'upgradeable' }, crowd: WRITE, processes: 1 }],
    ['a permit-taker among writers of its process', { one: PERMIT, crowd: WRITE, processes: 1 }],
  ] as const)('%s waits for the section in progress and one slice at most', async (_who, scene) => {
    expect(await longestWait(scene)).toBeLessThanOrEqual(SECTION_MS + SLICE_MS);
  });

  it('a writer among permit-takers waits for those that are held, and for the one place that was queued before it', async () => {
    const waitMs = await longestWait({ one: WRITE, crowd: PERMIT, processes: 1 });
    expect(waitMs).toBeLessThanOrEqual(2 * (SECTION_MS + SLICE_MS));
  });

  it('a reader among writers of 4 processes waits for one slice of each of them at most', async () => {
    const waitMs = await longestWait({ one: READ, crowd: WRITE, processes: 4 });
    expect(waitMs).toBeLessThanOrEqual(4 * (SECTION_MS + SLICE_MS));
  });
});

describe('a slice that the store has let double', () => {
  it('is as short as the first one when somebody has queued before that answer arrived', async () => {
    let answer: (() => void) | undefined;
    const { locks, clock, turn, askedAtMs, asked } = countedLocks({}, (store) => ({
      yieldOrKeep: async (...args) => {
        const given = await store.yieldOrKeep!(...args);
        await new Promise<void>((resolve) => (answer = resolve));
        return given;
      },
    }));
    const first = await locks.acquire(NAME);
    const writers = [locks.acquire(NAME), locks.acquire(NAME)];
    await clock.advanceAsync(SLICE_MS);
    const released = first.release();
    await turn();
    const reading = locks.acquire(NAME, READ);
    await turn();
    answer?.(); // «kept»: as the store saw it, nobody waited
    await released;
    const second = await writers[0]!;
    await clock.advanceAsync(SLICE_MS);
    const over = second.release();
    await turn();
    expect(asked.map((word, at) => `${word} ${askedAtMs[at]}`).slice(-1)).toEqual([`yield ${2 * SLICE_MS}`]);
    answer?.();
    await over;
    await (await reading).release();
    await (await writers[1]!).release();
  });
});
