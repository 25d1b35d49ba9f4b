import { readdirSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { startRedis } from '../../support/start-redis.js';
import { type Arena, LEASE_MS, PREFIX } from './arena.js';
import { arenaCell, type FaultCell, repeatedly, told } from './fault-cell.js';

/** With it a server that is killed (but not its machine) forgets nothing. */
export const AOF = ['--appendonly', 'yes', '--appendfsync', 'everysec', '--aof-load-truncated', 'yes'];

async function freezeServer(arena: Arena, forMs: number): Promise<void> {
  arena.server.freeze();
  await sleep(forMs);
  arena.server.thaw();
}

/** `kill -9` and back on the same port. */
async function crash(arena: Arena, meanwhile: () => void = () => undefined): Promise<void> {
  await arena.server.kill();
  meanwhile();
  await sleep(arena.random.between(0, 150));
  await arena.server.restart();
}

const restarts: FaultCell[] = [
  arenaCell({
    row: 4,
    name: 'server killed, restarted with its AOF',
    arena: { redis: { args: AOF } },
    inject: (arena) => crash(arena),
  }),
  arenaCell({
    row: 5,
    name: 'server frozen for less than a lease',
    inject: (arena) => freezeServer(arena, LEASE_MS * (0.3 + 0.4 * arena.random.fraction())),
  }),
  arenaCell({
    row: 5,
    name: 'server frozen for longer than a lease',
    inject: (arena) => freezeServer(arena, LEASE_MS * (1.1 + arena.random.fraction())),
  }),
  arenaCell({
    row: 5,
    name: 'CLIENT PAUSE',
    inject: async (arena) => {
      const pauseMs = arena.random.between(LEASE_MS * 0.5, LEASE_MS * 1.5);
      await arena.raw.call('CLIENT', 'PAUSE', pauseMs, arena.random.pick(['WRITE', 'ALL']));
      await sleep(pauseMs);
    },
  }),
];

/** Row 8: two may hold at once, but it is found out, and tokens still rise. */
const dataLoss: FaultCell[] = [
  arenaCell({
    row: 8,
    name: 'FLUSHALL',
    bounds: { exclusive: false },
    inject: (arena) => repeatedly({ arena }, () => arena.raw.flushall()),
  }),
  arenaCell({
    row: 8,
    name: 'server killed, comes back empty',
    alone: true,
    bounds: { exclusive: false },
    inject: (arena) => crash(arena),
  }),
  arenaCell({
    row: 8,
    name: 'power loss: end of the AOF torn off',
    arena: { redis: { args: AOF }, rolledBack: true },
    bounds: { exclusive: false },
    inject: (arena) => crash(arena, () => tearOff(arena)),
  }),
  arenaCell({
    row: 8,
    name: 'the address leads to a promoted replica and back, no connection closed',
    alone: true,
    arena: { rolledBack: true },
    bounds: { exclusive: false },
    inject: flipAddress,
  }),
];

function tearOff(arena: Arena): void {
  const folder = join(arena.server.folder, 'appendonlydir');
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.incr.aof'))) {
    const path = join(folder, file);
    truncateSync(path, Math.max(0, statSync(path).size - arena.random.between(40, 2_000)));
  }
}

/**
 * What managed services do in a fail-over: the replica is promoted, the old primary follows it, the address leads to the new one, and no
 * connection is closed; later the same back. Writes that had not reached the replica are lost each time.
 */
async function flipAddress(arena: Arena): Promise<void> {
  await using other = await startRedis({ args: ['--repl-diskless-sync-delay', '0'] });
  await arena.raw.config('SET', 'repl-diskless-sync-delay', '0');
  const otherRaw = new Redis(other.url);
  const follow = async (replica: Redis, port: number) => {
    await replica.replicaof('127.0.0.1', port);
    while (!(await replica.info('replication')).includes('master_link_status:up')) await sleep(5);
  };
  const flip = async (to: { raw: Redis; port: number }, from: Redis) => {
    await to.raw.replicaof('NO', 'ONE');
    arena.leadTo(to.port);
    await follow(from, to.port);
    await sleep(arena.random.between(LEASE_MS / 2, LEASE_MS));
  };
  await follow(otherRaw, arena.server.port);
  await flip({ raw: otherRaw, port: other.port }, arena.raw);
  await flip({ raw: arena.raw, port: arena.server.port }, otherRaw);
  otherRaw.disconnect();
}

/** A setting of the server that makes it refuse, for a while: long enough that somebody is told. */
async function whileSet(
  arena: Arena,
  set: () => Promise<unknown>,
  unset: () => Promise<unknown>,
): Promise<void> {
  await set();
  await sleep(arena.random.between(LEASE_MS * 0.8, LEASE_MS * 1.5));
  await unset();
}

async function full(arena: Arena): Promise<void> {
  const set = () => arena.raw.config('SET', 'maxmemory', '1');
  await whileSet(arena, set, () => arena.raw.config('SET', 'maxmemory', '0'));
}

async function evict(arena: Arena): Promise<void> {
  const policy = arena.random.pick(['volatile-ttl', 'volatile-lru', 'allkeys-random']);
  await arena.raw.config('SET', 'maxmemory-policy', policy);
  await arena.raw.config('SET', 'maxmemory', '1');
  await repeatedly({ arena, forMs: 300 }, () => arena.raw.set('filler', 'x').catch(() => undefined));
  await arena.raw.config('SET', 'maxmemory', '0');
}

async function noMoreClients(arena: Arena): Promise<void> {
  const set = async () => {
    await arena.raw.config('SET', 'maxclients', '1');
    await arena.raw.call('CLIENT', 'KILL', 'SKIPME', 'yes');
  };
  await whileSet(arena, set, () => arena.raw.config('SET', 'maxclients', '10000'));
}

async function anotherType(arena: Arena): Promise<void> {
  const key = `${PREFIX}:{${arena.random.pick(arena.names)}}`;
  const set = () => arena.raw.multi().del(key).rpush(key, 'not a lock').exec();
  await whileSet(arena, set, () => arena.raw.del(key));
}

/** It answers LOADING to everything until its data is back in memory. */
async function loading(arena: Arena): Promise<void> {
  await arena.raw.call('DEBUG', 'POPULATE', 300_000, 'filler', 50);
  await arena.raw.save();
  await crash(arena);
  // It takes up its work with 300 000 keys that are not ours; they go, so that only ours are left to look at.
  await arena.raw.eval("for i=0,299999 do redis.call('UNLINK','filler:'..i) end", 0);
}

/** Callers who ask often and do not hold for long, so that somebody meets the refusal. */
const ASKING = { workload: { tries: 0.5, long: 0 } };

const refusals: FaultCell[] = [
  arenaCell({
    row: 14,
    name: 'SCRIPT FLUSH',
    inject: (arena) => repeatedly({ arena, forMs: 500 }, () => arena.raw.script('FLUSH')),
  }),
  arenaCell({
    row: 14,
    name: 'OOM: memory full, noeviction',
    arena: ASKING,
    inject: full,
    judge: (events) => told(events, 'LOCK_STORE_UNAVAILABLE'),
  }),
  arenaCell({
    row: 14,
    name: 'locks evicted',
    bounds: { exclusive: false },
    inject: evict,
  }),
  arenaCell({
    row: 14,
    name: 'READONLY: made a replica for a while',
    arena: ASKING,
    inject: (arena) =>
      whileSet(
        arena,
        () => arena.raw.call('REPLICAOF', '127.0.0.1', '1'),
        () => arena.raw.call('REPLICAOF', 'NO', 'ONE'),
      ),
    // Nobody has to be told: what is held stays held, so that tries are «busy», and whoever waits is served when it has passed.
  }),
  arenaCell({
    row: 14,
    name: 'NOPERM: scripts taken away',
    arena: ASKING,
    inject: (arena) =>
      whileSet(
        arena,
        () => arena.raw.call('ACL', 'SETUSER', 'default', '-evalsha', '-eval'),
        () => arena.raw.call('ACL', 'SETUSER', 'default', '+@all'),
      ),
    judge: (events) => told(events, 'LOCK_STORE_UNSUPPORTED'),
  }),
  arenaCell({
    row: 14,
    name: 'maxclients reached',
    arena: ASKING,
    inject: noMoreClients,
    judge: (events) => told(events, 'LOCK_STORE_UNAVAILABLE'),
  }),
  arenaCell({
    row: 14,
    name: 'WRONGTYPE: key in use by another program',
    arena: ASKING,
    bounds: { exclusive: false }, // its holder's key was taken away
    inject: anotherType,
    judge: (events) => told(events, 'LOCK_KEY_CONFLICT'),
  }),
  arenaCell({
    row: 14,
    name: 'LOADING: restarted with much data',
    alone: true,
    arena: { redis: { args: ['--enable-debug-command', 'yes'] }, rolledBack: true },
    bounds: { exclusive: false }, // what was granted after the SAVE is gone
    inject: loading,
  }),
];

export const serverCells: readonly FaultCell[] = [...restarts, ...dataLoss, ...refusals];
