import type { Adapter } from './adapter.js';

/**
 * Where each adapter is. Loaded one at a time, in the process that measures it: no library has another's code in its memory.
 * The order is that of the tables.
 */
const LOADERS = {
  ours: async () => (await import('./ours.js')).ours,
  'ours-no-cohort': async () => (await import('./ours.js')).oursWithoutCohort,
  'ours-exclusive': async () => (await import('./ours.js')).oursExclusive,
  'ours-sent': async () => (await import('./ours.js')).oursSent,
  floor: async () => (await import('./floor.js')).floor,
  'floor-pipelined': async () => (await import('./floor.js')).pipelinedFloor,
  redlock: async () => (await import('./redlock.js')).redlock,
  sesamecare: async () => (await import('./redlock.js')).sesamecareRedlock,
  'redis-semaphore': async () => (await import('./redis-semaphore.js')).redisSemaphore,
  'redlock-universal': async () => (await import('./redlock-universal.js')).redlockUniversal,
  verrou: async () => (await import('./verrou.js')).verrou,
  murlock: async () => (await import('./murlock.js')).murlock,
  'simple-redis-mutex': async () => (await import('./simple-redis-mutex.js')).simpleRedisMutex,
  'node-redisson': async () => (await import('./node-redisson.js')).nodeRedisson,
  none: async () => (await import('./none.js')).none,
  /** For the tests only. */
  broken: async () => (await import('./broken.js')).broken,
  'broken-local': async () => (await import('./broken.js')).brokenLocal,
} satisfies Record<string, () => Promise<Adapter>>;

export type AdapterId = keyof typeof LOADERS;

const IDS = Object.keys(LOADERS) as AdapterId[];
/** Those that a run measures. */
export const ALL_ADAPTERS = IDS.filter((id) => !id.startsWith('broken'));

export function isAdapterId(id: string): id is AdapterId {
  return Object.hasOwn(LOADERS, id);
}

export function loadAdapter(id: AdapterId): Promise<Adapter> {
  return LOADERS[id]();
}
