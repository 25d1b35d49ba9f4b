import { describe, expect, it } from '@jest/globals';
import type { Lease } from '../../lib/holding/lease.js';
import type { LockStore, RenewOutcome, RenewRequest } from '../../lib/stores/lock-store.js';
import { Seeded } from '../support/seeded.js';
import { ManualLocks } from '../support/manual-locks.js';

const LEASE_MS = 30_000;
const INTERVAL_MS = LEASE_MS / 3;
/** What a store renews with one command. */
const PER_COMMAND = 100;

interface Renewals {
  readonly atMs: number;
  readonly names: readonly string[];
}

/** A manager that holds so many leases, all taken in the same moment, and notes each batch that it renews. */
async function holding(
  count: number,
  answer?: (requests: readonly RenewRequest[], store: LockStore) => Promise<RenewOutcome[]>,
) {
  const process = new ManualLocks();
  const { clock } = process;
  const batches: Renewals[] = [];
  const random = new Seeded(7);
  let tokens = 0;
  const randomness = {
    ownerToken: () => `renewed-${(tokens += 1)}`.padEnd(22, '.'),
    fraction: () => random.fraction(),
  };
  const locks = process.open({ leaseMs: LEASE_MS, randomness }, (store) => ({
    renew: (requests) => {
      batches.push({ atMs: clock.monotonicMs(), names: requests.map(({ hold }) => hold.name) });
      return answer?.(requests, store) ?? store.renew(requests);
    },
  }));
  const leases = await Promise.all(
    Array.from({ length: count }, (_, index) => locks.acquire(`group:${index}`)),
  );
  return { clock, locks, leases, batches };
}

const commandsOf = (batches: readonly Renewals[]) =>
  batches.reduce((sum, { names }) => sum + Math.ceil(names.length / PER_COMMAND), 0);

/** Commands that leave within 10 ms: a moment of the server and of this process. */
function mostWithin10Ms(batches: readonly Renewals[]): number {
  const perMoment = new Map<number, number>();
  for (const batch of batches) {
    const moment = Math.floor(batch.atMs / 10);
    perMoment.set(moment, (perMoment.get(moment) ?? 0) + commandsOf([batch]));
  }
  return Math.max(...perMoment.values());
}

const statesOf = (leases: readonly Lease[]) => [...new Set(leases.map(({ state }) => state))];

describe('10 000 leases that were taken at once', () => {
  it('are renewed with at most 100 commands per interval, none is forgotten, and no moment carries them all', async () => {
    const { clock, leases, batches } = await holding(10_000);
    for (let interval = 0; interval < 6; interval += 1) {
      const before = batches.length;
      await clock.advanceAsync(INTERVAL_MS);
      const sent = batches.slice(before);
      const renewed = new Set(sent.flatMap(({ names }) => names));
      expect(renewed.size).toBe(10_000);
      expect(commandsOf(sent)).toBeLessThanOrEqual(100);
      expect(mostWithin10Ms(sent)).toBeLessThanOrEqual(5);
    }
    expect(statesOf(leases)).toEqual(['held']);
  });
});

describe('a batch of renewals', () => {
  it('takes those along that come due soon, and no others', async () => {
    const { clock, locks, batches } = await holding(1);
    await clock.advanceAsync(500);
    await locks.acquire('soon');
    await clock.advanceAsync(5000);
    await locks.acquire('later');
    await clock.advanceAsync(INTERVAL_MS - 5500);
    expect(batches.map(({ names }) => names.toSorted())).toEqual([['group:0', 'soon']]);
  });

  it('is sent at once for one that is doubted, and once only while it is under way', async () => {
    const { clock, leases, batches } = await holding(3, () => new Promise(() => {}));
    clock.stepWall(60_000); // as after a suspend
    expect(leases[1]!.state).toBe('uncertain');
    await clock.advanceAsync(0);
    expect(leases[1]!.state).toBe('uncertain');
    await clock.advanceAsync(100);
    expect(batches.map(({ names }) => names)).toEqual([['group:1']]);
  });

  it('forgets those that were released while it was under way, and arms the others again', async () => {
    let letGo!: () => void;
    const gate = new Promise<void>((resolve) => (letGo = resolve));
    const { clock, leases, batches } = await holding(3, async (requests, store) => {
      const outcomes = await store.renew(requests);
      await gate;
      return outcomes;
    });
    await clock.advanceAsync(INTERVAL_MS);
    await leases[1]!.release();
    letGo();
    await clock.advanceAsync(INTERVAL_MS);
    expect(batches.map(({ names }) => names.toSorted())).toEqual([
      ['group:0', 'group:1', 'group:2'],
      ['group:0', 'group:2'],
    ]);
    expect(leases.map(({ state }) => state)).toEqual(['held', 'released', 'held']);
  });

  it('of which the store forgets an answer, against the rules of the port, is no crash: all are asked about again', async () => {
    let forgetful = true;
    const { clock, leases } = await holding(3, async (requests, store) => {
      const outcomes = await store.renew(requests);
      return forgetful ? outcomes.slice(1) : outcomes;
    });
    await clock.advanceAsync(INTERVAL_MS);
    expect(statesOf(leases)).toEqual(['uncertain']);
    forgetful = false;
    await clock.advanceAsync(INTERVAL_MS);
    expect(statesOf(leases)).toEqual(['held']);
  });
});
