import {
  type AcquireOptions,
  type AcquireSettings,
  BUILT_IN,
  CALL_DEFAULTS,
  CALL_OPTIONS,
  checkCall,
} from './acquire-options.js';
import { type Clock, systemClock } from './runtime/clock.js';
import { describeKind, LockStoreError, LockUsageError } from './lock-errors.js';
import { checkInteger, checkKeys, invalid, MAX_KEEP_MS } from './option-checks.js';
import { type Randomness, systemRandomness } from './runtime/owner-token.js';
import { isIntention } from './stores/lock-modes.js';
import type { AccessMode, LockStore, StoreCapabilities } from './stores/lock-store.js';

/** What says something about one call, and cannot be a default for all. */
type PerCall = 'signal' | 'limit' | 'weight' | 'minHoldMs' | 'template' | 'skipsWhenBusy';
const PER_CALL: readonly string[] = [
  'signal',
  'limit',
  'weight',
  'minHoldMs',
  'template',
  'skipsWhenBusy',
] satisfies PerCall[];

export interface LockManagerOptions extends Omit<AcquireOptions, PerCall> {
  /** Where the locks are kept: `redisStore(…)`, `memoryStore()`. A store serves one manager. */
  store: LockStore;
  /** First part of every key, so that applications can share a server; default 'lock'. Letters, digits and `. _ ~ : -`. */
  prefix?: string;
  /**
   * How long the trace of a clean release stays in the store, in ms; default 10 000. Within it a repeated release is known as
   * such, and fencing tokens rise even if the store's clock is set back.
   */
  keepMs?: number;
  /** How long `close()` lets holders finish before their leases are ended, in ms; default 10 000. */
  drainMs?: number;
  /** For tests and simulations. Default: the system's. */
  clock?: Clock;
  /** For tests and simulations. Default: cryptographic randomness. */
  randomness?: Randomness;
}

export interface ManagerSettings {
  readonly store: LockStore;
  readonly prefix: string;
  readonly keepMs: number;
  readonly drainMs: number;
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly defaults: AcquireSettings;
}

export const DEFAULTS = { ...CALL_DEFAULTS, prefix: 'lock', keepMs: 10_000, drainMs: 10_000 } as const;

const PREFIX_PATTERN = /^[A-Za-z0-9._~:-]{1,64}$/;

const MANAGER_OPTIONS = [
  ...CALL_OPTIONS.filter((option) => !PER_CALL.includes(option)),
  'store',
  'prefix',
  'keepMs',
  'drainMs',
  'clock',
  'randomness',
];

/** @throws LockUsageError LOCK_OPTIONS_INVALID, LOCK_LEASE_INVALID */
export function resolveManagerOptions(options: LockManagerOptions): ManagerSettings {
  const place = 'new LockManager(options)';
  checkKeys(options, MANAGER_OPTIONS, () => place);
  const { store, prefix = DEFAULTS.prefix, keepMs = DEFAULTS.keepMs, drainMs = DEFAULTS.drainMs } = options;
  if (typeof store?.acquire !== 'function' || typeof store.attach !== 'function') {
    const problem = `store must be a store such as redisStore({ url }) or memoryStore(), got ${describeKind(store)}`;
    throw new LockUsageError('LOCK_OPTIONS_INVALID', `${place}: ${problem}`);
  }
  if (typeof prefix !== 'string' || !PREFIX_PATTERN.test(prefix)) {
    throw invalid(place, ['prefix', prefix], '1 to 64 letters, digits and . _ ~ : -');
  }
  checkInteger(() => place, ['keepMs', keepMs], { min: 100, max: MAX_KEEP_MS, unit: ' ms' });
  checkInteger(() => place, ['drainMs', drainMs], { min: 0, max: MAX_KEEP_MS, unit: ' ms' });
  const { clock = systemClock, randomness = systemRandomness } = options;
  const defaults = Object.freeze(checkCall(options, BUILT_IN, () => place));
  checkStore(defaults, store, place);
  return Object.freeze({ store, prefix, keepMs, drainMs, clock, randomness, defaults });
}

/**
 * @param place what the message names: "acquire("group:42")"; made only for a message, because this is asked for every call
 * @throws LockUsageError LOCK_OPTIONS_INVALID, LOCK_LEASE_INVALID
 */
export function resolveAcquireOptions(
  settings: ManagerSettings,
  options: AcquireOptions | undefined,
  place: () => string,
): AcquireSettings {
  if (options === undefined) return settings.defaults;
  checkKeys(options, CALL_OPTIONS, place);
  const resolved = checkCall(options, settings.defaults, place);
  const { mode, limit, layers, minHoldMs } = resolved;
  if (mode !== 'exclusive' || limit !== undefined || layers || minHoldMs > 0)
    checkStore(resolved, settings.store, place());
  return resolved;
}

/** What a store may be asked for. */
interface AskedKind {
  readonly mode?: AccessMode;
  readonly limit?: number | undefined;
  readonly layers?: boolean;
  readonly minHoldMs?: number;
}

/** @throws LockStoreError LOCK_STORE_UNSUPPORTED when this store does not have such locks */
export function checkStore(asked: AskedKind, { capabilities }: LockStore, place: string): void {
  const missing = missingIn(capabilities, asked);
  if (missing === undefined) return;
  const { kind, modes, limits } = capabilities;
  const has = modes.filter((each) => !isIntention(each)).join(', ');
  const more = `${limits === true ? ' and limits' : ''}${hasLayers(modes) ? ' and layers' : ''}`;
  const message = `${place}: the store "${kind}" has no ${missing}; it has ${has}${more}`;
  throw new LockStoreError('LOCK_STORE_UNSUPPORTED', message);
}

function missingIn({ modes, limits, minHold }: StoreCapabilities, asked: AskedKind): string | undefined {
  const { mode = 'exclusive', limit, layers = false, minHoldMs = 0 } = asked;
  if (!modes.includes(mode)) return `mode: '${mode}'`;
  if (limit !== undefined && limits !== true) return 'limits';
  if (layers && !hasLayers(modes)) return 'layers';
  return minHoldMs > 0 && minHold !== true ? 'minHoldMs' : undefined;
}

function hasLayers(modes: readonly AccessMode[]): boolean {
  return modes.includes('intention-shared') && modes.includes('intention-exclusive');
}
