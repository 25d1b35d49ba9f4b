import { setTimeout as sleep } from 'node:timers/promises';
import { type Arena, LEASE_MS } from './arena.js';
import { arenaCell, type FaultCell } from './fault-cell.js';

function anyone(arena: Arena): number {
  return arena.random.between(0, arena.proxies.length - 1);
}

/** A holder that was stopped in the middle: its callers hold long, so that it is one. */
const HOLDERS = { workload: { long: 0.5, longHoldMs: LEASE_MS } };

const pauses: FaultCell[] = [
  arenaCell({
    row: 6,
    name: 'process frozen past its lease',
    arena: HOLDERS,
    inject: (arena) => arena.freeze(anyone(arena), LEASE_MS * (1.2 + arena.random.fraction())),
  }),
  arenaCell({
    row: 6,
    name: 'process frozen for less than a lease',
    arena: HOLDERS,
    inject: (arena) => arena.freeze(anyone(arena), LEASE_MS * 0.6),
  }),
  arenaCell({
    row: 6,
    name: 'event loop blocked past the lease',
    arena: HOLDERS,
    inject: (arena) => arena.block(anyone(arena), LEASE_MS * (1.1 + 0.5 * arena.random.fraction())),
  }),
];

const crashes: FaultCell[] = [
  arenaCell({
    row: 7,
    name: 'process killed, replaced',
    arena: HOLDERS,
    inject: async (arena) => {
      const victim = anyone(arena);
      await arena.kill(victim);
      await sleep(arena.random.between(0, 200));
      await arena.replace(victim);
    },
  }),
  arenaCell({
    row: 7,
    name: 'process frozen, then killed',
    alone: true,
    inject: async (arena) => {
      const victim = anyone(arena);
      await arena.freeze(victim, arena.random.between(100, LEASE_MS));
      await arena.kill(victim);
    },
  }),
  arenaCell({
    row: 7,
    name: 'two of three processes killed at once',
    alone: true,
    arena: HOLDERS,
    inject: async (arena) => {
      const survivor = anyone(arena);
      const victims = [0, 1, 2].filter((n) => n !== survivor);
      await Promise.all(victims.map((n) => arena.kill(n)));
    },
  }),
];

const ONE_NAME = { names: ['group:1'], kinds: 0, long: 0, thinkMs: 2, holdMs: 2 };

/** A command that is slow on a busy machine would count as a fault, and cost its sender the place in the queue. */
const PATIENT_MS = 2_000;

const queues: FaultCell[] = [
  arenaCell({
    row: 16,
    name: 'no fault: order of the queue, with aborts',
    alone: true,
    arena: {
      commandMs: PATIENT_MS,
      workload: { ...ONE_NAME, loops: 8, aborts: 0.2, unrenewed: 0, extends: 0 },
    },
    bounds: { ordered: true },
    inject: () => sleep(LEASE_MS),
  }),
  arenaCell({
    row: 16,
    name: 'no fault: 1 000 waiters',
    alone: true,
    arena: {
      waitMs: 10_000,
      commandMs: PATIENT_MS,
      workload: { ...ONE_NAME, loops: 334, holdMs: 0, aborts: 0.3, tries: 0, unrenewed: 0, extends: 0 },
    },
    bounds: { ordered: true, settleMs: 1_000 }, // a thousand promises in one turn of an event loop
    inject: () => sleep(LEASE_MS),
  }),
  arenaCell({
    row: 16,
    name: 'head of the queue killed',
    alone: true,
    arena: { workload: { ...ONE_NAME, loops: 5, holdMs: 30 } },
    inject: async (arena) => {
      await arena.kill(0); // with one name and many callers each process is in the queue nearly always
      await sleep(200);
      await arena.kill(1);
    },
  }),
];

const races: FaultCell[] = [
  arenaCell({
    row: 17,
    name: 'release, renew, extend, abort of 100 ms leases',
    alone: true,
    arena: {
      leaseMs: 100,
      workload: { long: 0.4, longHoldMs: 150, aborts: 0.3, extends: 0.5, unrenewed: 0.2 },
    },
    bounds: { idleMs: 1_100 },
    inject: () => sleep(LEASE_MS),
  }),
  arenaCell({
    row: 17,
    name: 'forced releases',
    alone: true,
    arena: { workload: { forces: 0.3, long: 0.2 } },
    inject: () => sleep(LEASE_MS),
  }),
  arenaCell({
    row: 17,
    name: 'closed in the middle of everything',
    alone: true,
    arena: { workload: { loops: 6, long: 0.3, aborts: 0.3, extends: 0.3 } },
    inject: (arena) => sleep(arena.random.between(0, 400)),
    abrupt: true,
  }),
];

export const processCells: readonly FaultCell[] = [...pauses, ...crashes, ...queues, ...races];
