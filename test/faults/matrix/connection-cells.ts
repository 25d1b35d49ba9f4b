import { setTimeout as sleep } from 'node:timers/promises';
import { SCRIPTS } from '../../../lib/stores/redis/redis-scripts.generated.js';
import type { ConnectionFault, FaultProxyMode } from '../../../lib/testing/index.js';
import { type Arena, COMMAND_MS, LEASE_MS } from './arena.js';
import { arenaCell, type FaultCell, nobodyLost, repeatedly } from './fault-cell.js';
import { losingPackets, packetLossMissing } from './packet-loss.js';

const LOST: readonly ConnectionFault[] = ['lose-reply', 'half-reply', 'swallow-reply', 'lose-request'];
const STRIKES_WITHIN_MS = 4_000;

/**
 * A lock taken for nobody is given back long before its lease ends: the lease is long, and nobody may wait for half of it. It is
 * undone as soon as the answer fails to come, and once more a second later.
 */
const NO_ORPHANS = { leaseMs: 4_000, idleMs: 2_000 };

/**
 * Row 1: each kind of loss, one after the other, on whichever process sends the request first.
 *
 * @param sent how many callers go on while their release is on its way: all of them, or none
 */
function lostReplies(script: 'acquire' | 'renew' | 'release', sent?: 0 | 1): FaultCell {
  const struck = new WeakMap<Arena, Set<ConnectionFault>>();
  return arenaCell({
    row: 1,
    name: `reply of ${sent === 1 ? 'a sent ' : ''}${script} lost`,
    arena:
      script === 'renew'
        ? { workload: { long: 0.7 } }
        : { leaseMs: NO_ORPHANS.leaseMs, workload: { long: 0, ...(sent !== undefined && { sent }) } },
    ...(script !== 'renew' && { bounds: { idleMs: NO_ORPHANS.idleMs } }),
    inject: async (arena) => {
      const kinds = new Set<ConnectionFault>();
      struck.set(arena, kinds);
      for (const fault of LOST) {
        const strikes = arena.proxies.map((proxy) => proxy.arm({ fault, when: SCRIPTS[script].sha }));
        const first = Promise.race(strikes).then(() => kinds.add(fault));
        await Promise.race([first, sleep(STRIKES_WITHIN_MS)]);
        for (const proxy of arena.proxies) proxy.disarm();
      }
    },
    judge: (_events, arena) =>
      LOST.filter((fault) => !struck.get(arena)?.has(fault)).map((f) => `${f} never struck`),
  });
}

async function through(
  mode: FaultProxyMode,
  where: { arena: Arena; all: boolean; forMs: number },
): Promise<void> {
  const { arena, all, forMs } = where;
  const struck = all ? arena.proxies : [arena.random.pick(arena.proxies)];
  for (const proxy of struck) proxy.mode = mode;
  await sleep(forMs);
  for (const proxy of struck) proxy.mode = 'pass';
}

const delayed = arenaCell({
  row: 2,
  name: 'request delayed beyond its bound',
  arena: { leaseMs: NO_ORPHANS.leaseMs, workload: { long: 0 } },
  bounds: { idleMs: NO_ORPHANS.idleMs },
  inject: async (arena) => {
    for (const proxy of arena.proxies)
      proxy.delayUpMs = arena.random.between(COMMAND_MS * 0.8, COMMAND_MS * 3);
    await sleep(arena.random.between(300, LEASE_MS));
    for (const proxy of arena.proxies) proxy.delayUpMs = 0;
  },
});

const heldBack = arenaCell({
  row: 2,
  name: 'requests held back, then executed',
  arena: { leaseMs: NO_ORPHANS.leaseMs, workload: { long: 0 } },
  bounds: { idleMs: NO_ORPHANS.idleMs },
  inject: (arena) => through('black-hole', { arena, all: true, forMs: arena.random.between(250, LEASE_MS) }),
});

const halfOpen = arenaCell({
  row: 3,
  name: 'half-open connection of one process',
  arena: { workload: { long: 0.3 } },
  inject: (arena) => through('black-hole', { arena, all: false, forMs: LEASE_MS * 1.5 }),
});

const oneWay = (['drop-requests', 'drop-replies'] as const).map((mode) =>
  arenaCell({
    row: 3,
    name: mode === 'drop-requests' ? 'requests vanish' : 'replies vanish',
    inject: (arena) => through(mode, { arena, all: arena.random.chance(0.5), forMs: LEASE_MS }),
  }),
);

const reset = arenaCell({
  row: 4,
  name: 'connections reset',
  // A lease that is renewed outlives an outage of less than half of it.
  arena: { leaseMs: 2_000, workload: { unrenewed: 0, long: 0.1 } },
  inject: (arena) => repeatedly({ arena }, () => arena.random.pick(arena.proxies).cutAll()),
  judge: (events) => nobodyLost(events),
});

const killed = arenaCell({
  row: 4,
  name: 'CLIENT KILL',
  arena: { leaseMs: 2_000, workload: { unrenewed: 0, long: 0.1 } },
  inject: (arena) =>
    repeatedly({ arena }, () => arena.raw.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')),
  judge: (events) => nobodyLost(events),
});

const refused = arenaCell({
  row: 4,
  name: 'server refuses connections',
  inject: async (arena) => {
    for (const proxy of arena.proxies) {
      proxy.mode = 'refuse';
      proxy.cutAll();
    }
    await sleep(arena.random.between(200, LEASE_MS));
    for (const proxy of arena.proxies) proxy.mode = 'pass';
  },
});

/** Row 15: pushes are lost; whoever waits must be served by its own poll. */
const wakeUps = [
  arenaCell({
    row: 15,
    name: 'subscriber killed again and again',
    inject: (arena) => repeatedly({ arena }, () => arena.raw.call('CLIENT', 'KILL', 'TYPE', 'pubsub')),
  }),
  arenaCell({
    row: 15,
    name: 'subscriber deaf: connected, hears nothing',
    inject: async (arena) => {
      const deaf = arena.proxies.map((proxy) => {
        const struck = proxy.arm({
          fault: 'swallow-reply',
          when: (request) => /subscribe/i.test(request.toString()),
        });
        return Promise.race([struck, sleep(1_000)]);
      });
      await arena.raw.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
      await Promise.all(deaf);
      await sleep(LEASE_MS);
      for (const proxy of arena.proxies) proxy.disarm();
    },
  }),
];

const poorLink = arenaCell({
  row: 19,
  name: 'slow link with random resets (proxy)',
  inject: async (arena) => {
    await repeatedly({ arena, forMs: LEASE_MS * 1.5 }, () => {
      const proxy = arena.random.pick(arena.proxies);
      proxy.delayUpMs = arena.random.between(0, 60);
      proxy.delayDownMs = arena.random.between(0, 60);
      if (arena.random.chance(0.15)) proxy.cutAll();
    });
    for (const proxy of arena.proxies) proxy.delayUpMs = proxy.delayDownMs = 0;
  },
});

const packetLoss = arenaCell({
  row: 19,
  name: 'random packet loss, 5 to 20 % (iptables)',
  missing: packetLossMissing,
  inject: (arena) =>
    losingPackets(arena.server.port, 0.05 + 0.15 * arena.random.fraction(), () => sleep(LEASE_MS * 2)),
});

export const connectionCells: readonly FaultCell[] = [
  lostReplies('acquire'),
  lostReplies('renew'),
  lostReplies('release', 0),
  lostReplies('release', 1),
  delayed,
  heldBack,
  halfOpen,
  ...oneWay,
  reset,
  killed,
  refused,
  ...wakeUps,
  poorLink,
  packetLoss,
];
