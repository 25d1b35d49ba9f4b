import { LockStoreError, LockUsageError } from '../../lock-errors.js';
import type { RedisClient } from './redis-client.js';
import { isPassing, refusal, storeError } from './redis-errors.js';
import { probeKeys } from './redis-keys.js';
import { CallFailure } from '../mechanics/tries.js';
import type { RedisLink } from './redis-link.js';
import { readInfo, runIdOf, type ServerInfo } from './server-info.js';

/** The oldest server that this store says it works with; everything below 6.2 lost its upstream support years ago. */
const OLDEST_VERSION: readonly [number, number] = [6, 2];

export interface ProbeTarget {
  readonly client: RedisClient;
  readonly link: RedisLink;
  readonly address: string;
  readonly prefix: string;
  readonly processId: string;
  readonly channel: string;
  readonly warn: (message: string) => void;
}

/** How the target was asked, in messages. */
const placeOf = ({ address }: Pick<ProbeTarget, 'address'>): string => `Redis at ${address}`;

/**
 * The first half of the start-up check: is this a server that can keep locks?
 *
 * @returns its run id; undefined when it does not say
 * @throws LockStoreError LOCK_STORE_READONLY, LOCK_STORE_UNSUPPORTED, LOCK_STORE_UNAVAILABLE · LockUsageError LOCK_TOPOLOGY
 */
export async function probeServer(target: ProbeTarget, boundMs: number): Promise<string | undefined> {
  const place = placeOf(target);
  const info = await infoOf(target, boundMs);
  checkVersion(info, place);
  if (info.get('role') === 'slave') {
    throw new LockStoreError('LOCK_STORE_READONLY', `${place} is a replica; locks need the primary`);
  }
  if (info.get('cluster_enabled') === '1') {
    throw new LockUsageError(
      'LOCK_TOPOLOGY',
      `${place} is part of a Redis Cluster, which is not built yet; give one server`,
    );
  }
  checkEviction(info, place, target);
  return runIdOf(info);
}

async function infoOf(target: ProbeTarget, boundMs: number): Promise<ServerInfo> {
  const place = placeOf(target);
  try {
    return await target.link.bounds.within(boundMs, () => readInfo(target.client));
  } catch (error) {
    const failure = storeError(error, place);
    if (failure.code !== 'LOCK_STORE_UNSUPPORTED') throw failure;
    target.warn(
      `${place} does not allow INFO: its version, role and eviction policy were not checked (grant +info)`,
    );
    return new Map();
  }
}

function checkVersion(info: ServerInfo, place: string): void {
  const version = info.get('redis_version');
  if (version === undefined) return;
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_VERSION;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return;
  const message = `${place} has version ${version}; ${OLDEST_VERSION.join('.')} or newer is needed`;
  throw new LockStoreError('LOCK_STORE_UNSUPPORTED', message);
}

/** Every key of ours has an end, so that each `volatile-*` policy takes locks first (measured: of 100 locks none was left). */
function checkEviction(info: ServerInfo, place: string, { warn }: ProbeTarget): void {
  const policy = info.get('maxmemory_policy');
  if (policy === undefined || policy === 'noeviction') return;
  const limit = info.get('maxmemory') === '0' ? ' once a memory limit is set' : '';
  warn(`${place} has maxmemory-policy ${policy}, which can evict held locks${limit}; set it to noeviction`);
}

/**
 * The second half: may this user do what the scripts do? Publishes `text` on our channel, for a subscription to hear.
 *
 * @returns how many listen on our channel, by the server's count; -1 when it does not say
 * @throws LockStoreError LOCK_STORE_UNSUPPORTED, which names what is refused; _READONLY, _UNAVAILABLE
 */
export async function probeScripts(
  target: ProbeTarget,
  { text, boundMs }: { text: string; boundMs: number },
): Promise<number> {
  const { link, prefix, processId, channel } = target;
  const place = placeOf(target);
  const keys = probeKeys(prefix, processId);
  const call = { script: 'probe', keys: [keys.state, keys.queue], args: [channel, text], boundMs } as const;
  const [listeners, ...refused] = await link.call(call).then(
    ({ reply }) => reply.map(String),
    (failure: unknown) => {
      const error = failure instanceof CallFailure ? failure.error : storeError(failure, place);
      if (error.code !== 'LOCK_STORE_UNSUPPORTED') throw error;
      const message = `${place} does not run Lua scripts for this user (needs eval and evalsha): ${error.message}`;
      throw new LockStoreError('LOCK_STORE_UNSUPPORTED', message, { cause: error });
    },
  );
  if (refused.length === 0) return Number(listeners);
  // A replica without INFO, or memory or a disk that is full right now, shows here.
  const first = (refused[0] ?? '').replace(/^\w+: (ERR )?/, '');
  const answer = refusal(first);
  if (isPassing(answer)) throw storeError(answer, place);
  const message = `${place} refuses what the lock scripts need; grant the permissions: ${refused.join(' · ')}`;
  throw new LockStoreError('LOCK_STORE_UNSUPPORTED', message);
}
