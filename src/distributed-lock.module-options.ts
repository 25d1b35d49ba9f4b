import type { Redis, RedisOptions } from 'ioredis';
import {
  describeKind,
  describeValue,
  type LockManagerOptions,
  type LockStore,
  LockUsageError,
  redisStore,
} from '../lib/index.js';
import { DEFAULT_SERVICE } from './lock.tokens.js';

/** Options of `DistributedLockModule.forRoot`; whatever is left out has a default. */
export interface DistributedLockOptions extends Omit<LockManagerOptions, 'store'> {
  /**
   * Where Redis is: a URL, ioredis options (we open a connection of our own and close it), or an ioredis client of yours (we duplicate
   * it, never close or reconfigure it). Default: the environment variable `REDIS_URL`, else `redis://127.0.0.1:6379`.
   */
  redis?: string | RedisOptions | Redis;
  /** A store instead of Redis: `memoryStore()`, or your own. Not together with `redis`. */
  store?: LockStore;
  /**
   * 'require' (default): the application does not start without its store; it is given 10 s. 'background': start at once, connect
   * when the store comes; until then locked calls fail with LOCK_STORE_UNAVAILABLE, over HTTP 503.
   */
  startup?: 'require' | 'background';
  /** Tell clients the lock's name in error bodies; default false, because a name may hold somebody's id. */
  exposeLockName?: boolean;
}

/** Options that shape the module itself, so they stand beside `useFactory` and are not returned by it. */
export interface DistributedLockExtras {
  /** Registers another lock service beside the default one; inject it with `@InjectLockService(name)`. Default 'default'. */
  name?: string;
  /** Visible in every module without importing it again; default true. */
  isGlobal?: boolean;
}

/** Options of `DistributedLockModule.forFeature`. */
export interface LockFeatureOptions {
  /** Stands, with a `:`, before the names of this module's locks. 1 to 64 letters, digits and `. _ ~ : -`. */
  prefix: string;
  /** Which lock service `FeatureLocks` uses, as named in `forRoot({ name })`; default: the default one. */
  service?: string;
}

export interface DistributedLockOptionsFactory {
  createDistributedLockOptions(): DistributedLockOptions | Promise<DistributedLockOptions>;
}

/** Everything checked, nothing optional. */
export interface LockServiceSettings {
  readonly manager: LockManagerOptions;
  readonly name: string;
  readonly startup: 'require' | 'background';
  readonly exposeLockName: boolean;
  /** For messages; without password. */
  readonly storeAddress: string;
}

const DEFAULT_URL = 'redis://127.0.0.1:6379';
const ENGINE_OPTIONS = [
  'leaseMs',
  'waitMs',
  'renew',
  'maxHoldMs',
  'label',
  'mode',
  'layers',
  'cohortMs',
  'release',
  'reentrant',
  'maxWaiters',
  'maxWaitingProcesses',
  'prefix',
  'keepMs',
  'drainMs',
  'clock',
  'randomness',
];
const MODULE_OPTIONS = ['redis', 'store', 'startup', 'exposeLockName'];

/** @throws LockUsageError LOCK_OPTIONS_INVALID; the engine checks what is the engine's */
export function resolveModuleOptions(options: DistributedLockOptions, name: string): LockServiceSettings {
  const place = `DistributedLockModule.forRoot (${name})`;
  checkOptions(options, place);
  const { redis, store, startup = 'require', exposeLockName = false, ...engine } = options;
  if (startup !== 'require' && startup !== 'background') {
    throw invalid(place, `startup must be 'require' or 'background', got ${describeValue(startup)}`);
  }
  if (typeof exposeLockName !== 'boolean') {
    throw invalid(place, `exposeLockName must be true or false, got ${describeValue(exposeLockName)}`);
  }
  if (redis !== undefined && store !== undefined) {
    throw invalid(place, 'both "redis" and "store" are given; leave one out');
  }
  const chosen = store ?? redisStoreFor(redis, place);
  const storeAddress = chosen.address ?? `the ${chosen.capabilities?.kind} store`;
  return { manager: { ...engine, store: chosen }, name, startup, exposeLockName, storeAddress };
}

const FEATURE_PREFIX = /^[A-Za-z0-9._~:-]{1,64}$/;

/** @throws LockUsageError LOCK_OPTIONS_INVALID */
export function checkFeature(options: LockFeatureOptions): Required<LockFeatureOptions> {
  const place = 'DistributedLockModule.forFeature';
  if (typeof options !== 'object' || options === null)
    throw invalid(
      place,
      `options must be an object such as { prefix: 'billing' }, got ${describeKind(options)}`,
    );
  const { prefix, service = DEFAULT_SERVICE, ...others } = options;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined)
    throw invalid(place, `option "${unknown}" is not known here; known: prefix, service`);
  if (typeof prefix !== 'string' || !FEATURE_PREFIX.test(prefix))
    throw invalid(
      place,
      `prefix must be 1 to 64 letters, digits and . _ ~ : -, got ${describeValue(prefix)}`,
    );
  if (typeof service !== 'string' || service === '')
    throw invalid(place, `service must be the name of a lock service, got ${describeValue(service)}`);
  return { prefix, service };
}

function checkOptions(options: unknown, place: string): asserts options is DistributedLockOptions {
  if (typeof options !== 'object' || options === null) {
    throw invalid(
      place,
      `options must be an object, got ${describeKind(options)}; did useFactory forget to return them?`,
    );
  }
  for (const [key, value] of Object.entries(options)) {
    if (value === undefined || ENGINE_OPTIONS.includes(key) || MODULE_OPTIONS.includes(key)) continue;
    const hint =
      key === 'name' || key === 'isGlobal'
        ? 'belongs beside useFactory, not into what it returns'
        : `is not known here; known: ${[...MODULE_OPTIONS, ...ENGINE_OPTIONS].join(', ')}`;
    throw invalid(place, `option "${key}" ${hint}`);
  }
}

function redisStoreFor(given: unknown, place: string): LockStore {
  const redis = given ?? process.env['REDIS_URL'] ?? DEFAULT_URL;
  try {
    if (typeof redis === 'string') return redisStore({ url: redis });
    if (isClient(redis)) return redisStore({ client: redis });
    if (typeof redis === 'object' && redis !== null) return redisStore({ options: redis });
  } catch (error) {
    if (!(error instanceof LockUsageError)) throw error;
    const source = given === undefined ? 'the environment variable REDIS_URL' : 'option "redis"';
    throw new LockUsageError(error.code, `${place}: ${source}: ${error.message}`, { cause: error });
  }
  throw invalid(
    place,
    `redis must be a URL, ioredis options or an ioredis client, got ${describeKind(redis)}`,
  );
}

/** Not `instanceof`: the application may have another ioredis than the one that we would compare with. */
function isClient(redis: unknown): redis is Redis {
  return typeof (redis as Partial<Redis> | null)?.duplicate === 'function';
}

function invalid(place: string, problem: string): LockUsageError {
  return new LockUsageError('LOCK_OPTIONS_INVALID', `${place}: ${problem}`);
}
