import { once } from 'node:events';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { Lease } from 'nestjs-distributed-lock/engine';

import type { Parties, Waiting } from './parties.js';

/** One thing that costs something. */
export interface Operation {
  readonly id: string;
  readonly title: string;
  /** Brings about what it begins with, for these names, and returns how it is done to one of them. */
  prepare(parties: Parties, names: readonly string[]): Promise<(name: string) => Promise<unknown>>;
}

/** A slice that no measurement outlasts, and one that is soon over (kept, it becomes twice as long, and must not be over again at once). */
const LONG_SLICE = { cohortMs: 1_000 };
const SHORT_SLICE = { cohortMs: 20 };
const SLICE_IS_OVER_MS = 25;

async function forEach<T>(names: readonly string[], make: (name: string) => Promise<T>) {
  const made = new Map(await Promise.all(names.map(async (name) => [name, await make(name)] as const)));
  return (name: string): T => made.get(name) as T;
}

/** One caller of ours holds, the next one waits. */
async function holdAndWait(parties: Parties, names: readonly string[], options: { cohortMs: number }) {
  const leases = await forEach(names, (name) => parties.ours.locks.acquire(name, options));
  const waiting = await forEach(names, (name) => parties.ours.wait(name, options));
  return (name: string): { lease: Lease; waiting: Waiting } => ({
    lease: leases(name),
    waiting: waiting(name),
  });
}

/** Queued alone, without another caller of this process before. */
async function otherHoldsWeWait(parties: Parties, names: readonly string[]) {
  const leases = await forEach(names, (name) => parties.other.locks.acquire(name));
  const waiting = await forEach(names, (name) => parties.ours.wait(name));
  return (name: string) => ({ lease: leases(name), waiting: waiting(name) });
}

async function expectNull(answer: Promise<unknown>): Promise<void> {
  if ((await answer) !== null) throw new Error('was given what somebody else holds');
}

export const OPERATIONS: readonly Operation[] = [
  {
    id: 'acquire',
    title: 'acquire a free name',
    prepare:
      async ({ ours }) =>
      (name) =>
        ours.locks.acquire(name),
  },
  {
    id: 'acquire-again',
    title: 'acquire a name that was released within `keepMs`',
    async prepare({ ours }, names) {
      await Promise.all(names.map((name) => ours.locks.using(name, async () => {})));
      return (name) => ours.locks.acquire(name);
    },
  },
  {
    id: 'release',
    title: 'release, nobody waits',
    async prepare({ ours }, names) {
      const leases = await forEach(names, (name) => ours.locks.acquire(name));
      return (name) => leases(name).release();
    },
  },
  {
    id: 'busy',
    title: '`tryAcquire`, another process has it',
    async prepare({ ours, other }, names) {
      await Promise.all(names.map((name) => other.locks.acquire(name)));
      return (name) => expectNull(ours.locks.tryAcquire(name));
    },
  },
  {
    id: 'busy-here',
    title: '`tryAcquire`, this process has it',
    async prepare({ ours }, names) {
      await Promise.all(names.map((name) => ours.locks.acquire(name)));
      return (name) => expectNull(ours.locks.tryAcquire(name));
    },
  },
  {
    id: 'wait',
    title: 'begin to wait: first waiter of a process',
    async prepare(parties, names) {
      await Promise.all(names.map((name) => parties.other.locks.acquire(name)));
      return (name) => parties.ours.wait(name);
    },
  },
  {
    id: 'wait-behind',
    title: 'begin to wait: every further waiter of it',
    async prepare(parties, names) {
      await otherHoldsWeWait(parties, names);
      return (name) => parties.ours.wait(name);
    },
  },
  {
    id: 'give-up',
    title: 'give up waiting: last waiter of a process',
    async prepare(parties, names) {
      const places = await otherHoldsWeWait(parties, names);
      return async (name) => {
        places(name).waiting.giveUp();
        await nextTurn(); // nobody waits for the answer; whoever gives up later travels alone
      };
    },
  },
  {
    id: 'hand-off',
    title: 'hand-off to another process: release until it has it',
    async prepare(parties, names) {
      const places = await otherHoldsWeWait(parties, names);
      return (name) => Promise.all([places(name).lease.release(), places(name).waiting.granted]);
    },
  },
  {
    id: 'hand-on',
    title: 'hand-off inside the process, during a slice',
    async prepare(parties, names) {
      const places = await holdAndWait(parties, names, LONG_SLICE);
      return (name) => Promise.all([places(name).lease.release(), places(name).waiting.granted]);
    },
  },
  {
    id: 'kept',
    title: 'hand-off inside the process, end of a slice: kept',
    async prepare(parties, names) {
      const places = await holdAndWait(parties, names, SHORT_SLICE);
      await sleep(SLICE_IS_OVER_MS);
      return (name) => Promise.all([places(name).lease.release(), places(name).waiting.granted]);
    },
  },
  {
    id: 'yielded',
    title: 'end of a slice: yielded to another process, queued again',
    async prepare(parties, names) {
      const places = await holdAndWait(parties, names, SHORT_SLICE);
      const others = await forEach(names, (name) => parties.other.wait(name));
      await sleep(SLICE_IS_OVER_MS);
      return (name) => Promise.all([places(name).lease.release(), others(name).granted]);
    },
  },
  {
    id: 'extend',
    title: '`extend`',
    async prepare({ ours }, names) {
      const leases = await forEach(names, (name) => ours.locks.acquire(name));
      return (name) => leases(name).extend(90_000);
    },
  },
  {
    id: 'inspect',
    title: '`inspect`',
    async prepare({ ours }, names) {
      await Promise.all(names.map((name) => ours.locks.acquire(name)));
      return (name) => ours.locks.inspect(name);
    },
  },
  {
    id: 'force',
    title: '`forceRelease`, until the holder knows; the holder sends a release too',
    async prepare({ ours, other }, names) {
      const leases = await forEach(names, (name) => ours.locks.acquire(name));
      return async (name) => {
        const isKnown = once(leases(name).signal, 'abort');
        await Promise.all([other.locks.forceRelease(name, 'measured'), isKnown]);
        await nextTurn();
      };
    },
  },
];
