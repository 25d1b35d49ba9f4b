import { setTimeout as sleep } from 'node:timers/promises';
import { type Arena, LEASE_MS } from './arena.js';
import { clockShimMissing, MovableClock } from './clock-shim.js';
import { arenaCell, type ArenaCell, type FaultCell } from './fault-cell.js';

interface ClockCell extends Pick<ArenaCell, 'name' | 'bounds' | 'judge'> {
  readonly of: 'server' | 'processes';
  readonly keysMs?: number;
  readonly move: (clock: MovableClock, arena: Arena) => Promise<void>;
}

/** Row 13: the wall clock of the server, or of all processes that take locks, is moved. */
function clockCell({ of, keysMs, move, ...cell }: ClockCell): FaultCell {
  const atRest: MovableClock[] = [];
  return arenaCell({
    ...cell,
    row: 13,
    alone: true,
    missing: clockShimMissing,
    arena: () => {
      // Processes are used again by later runs, and so are their clocks.
      const clock = atRest.pop() ?? new MovableClock();
      const options =
        of === 'server' ? { clock, redis: { env: clock.env } } : { clock, workerEnv: clock.env };
      return keysMs === undefined ? options : { ...options, keysMs };
    },
    inject: async (arena) => {
      const { clock } = arena;
      if (clock === undefined) throw new Error('an arena without a clock of its own');
      await move(clock, arena);
      if (of === 'server') return; // it stays as it is until the server ends
      clock.set(0);
      atRest.push(clock);
    },
  });
}

const DRIFT = 0.005; // half of what a lease allows for

/** Faster or slower than the machine's by half a per cent. */
async function drift(clock: MovableClock, sign: 1 | -1): Promise<void> {
  const startMs = performance.now();
  for (;;) {
    const passedMs = performance.now() - startMs;
    if (passedMs > LEASE_MS * 2.5) return;
    clock.set(sign * passedMs * DRIFT);
    await sleep(4);
  }
}

const BACK_MS = LEASE_MS * 2;

export const clockCells: readonly FaultCell[] = [
  clockCell({
    name: "server's clock set forward",
    of: 'server',
    bounds: { exclusive: false }, // leases end at once
    move: async (clock, arena) => {
      clock.set(arena.random.between(LEASE_MS * 0.5, 60_000));
      await sleep(LEASE_MS);
    },
  }),
  clockCell({
    name: "server's clock set back",
    of: 'server',
    keysMs: BACK_MS,
    bounds: { rising: false, idleMs: LEASE_MS + 1_000 + BACK_MS }, // leases last longer by as much
    move: async (clock, arena) => {
      clock.set(-arena.random.between(LEASE_MS * 0.5, BACK_MS));
      await sleep(LEASE_MS);
    },
  }),
  clockCell({ name: "server's clock 0.5 % fast", of: 'server', move: (clock) => drift(clock, 1) }),
  clockCell({ name: "server's clock 0.5 % slow", of: 'server', move: (clock) => drift(clock, -1) }),
  clockCell({
    name: 'clock of the processes set forward',
    of: 'processes',
    move: async (clock, arena) => {
      clock.set(arena.random.between(LEASE_MS * 0.5, 3_600_000));
      await sleep(LEASE_MS);
    },
  }),
  clockCell({
    name: 'clock of the processes set back',
    of: 'processes',
    move: async (clock, arena) => {
      clock.set(-arena.random.between(LEASE_MS * 0.5, 3_600_000));
      await sleep(LEASE_MS);
    },
  }),
];
