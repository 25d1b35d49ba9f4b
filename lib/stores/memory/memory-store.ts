import {
  alreadyServes,
  describeValue,
  LockLostError,
  LockStoreError,
  LockUsageError,
} from '../../lock-errors.js';
import type {
  AcquireRequest,
  Busy,
  ForcedRelease,
  Full,
  Grant,
  Hold,
  Kept,
  LockStore,
  OnSent,
  Refused,
  ReleaseOutcome,
  RenewOutcome,
  RenewRequest,
  StoreCapabilities,
  StopSignal,
  StoreContext,
  StoreInspection,
  UpgradeRequest,
  Yielded,
  YieldRequest,
} from '../lock-store.js';
import type { MemoryLock } from './memory-lock.js';
import { MemoryLockTable } from './memory-lock-table.js';
import type { Member, Waiter } from './memory-waiter.js';

export interface MemoryStoreOptions {
  /** Serve although `NODE_ENV` is `production`, where this store is nearly always a mistake; default false. */
  allowInProduction?: boolean;
}

/**
 * Locks in the memory of this process, with the semantics of a server: for tests, for development without Redis, for a
 * program that is one process by design. It excludes callers of this process only and says so once.
 *
 * @throws LockUsageError LOCK_OPTIONS_INVALID for an unknown option; and, when a manager takes it, under
 *   `NODE_ENV=production` without `allowInProduction`, or when another manager already has it
 */
export function memoryStore(options: MemoryStoreOptions = {}): LockStore {
  return new MemoryStore(options);
}

/** @internal Use {@link memoryStore}; the class is for tests that open several stores on one table. */
export class MemoryStore implements LockStore {
  readonly capabilities: StoreCapabilities = {
    kind: 'memory',
    holds: 'leased',
    modes: ['exclusive', 'shared', 'upgradeable', 'intention-shared', 'intention-exclusive'],
    limits: true,
    minHold: true,
    scope: 'this process',
    releases: 'sent',
  };
  readonly #allowInProduction: boolean;
  #table: MemoryLockTable | undefined;
  #member: Member | undefined;
  #warned = false;
  #closed = false;

  constructor(options: MemoryStoreOptions, table?: MemoryLockTable) {
    this.#allowInProduction = checkOptions(options);
    this.#table = table;
  }

  attach(context: StoreContext): void {
    if (this.#member !== undefined) {
      throw alreadyServes('this memory store', 'memoryStore()');
    }
    if (process.env['NODE_ENV'] === 'production' && !this.#allowInProduction) {
      throw invalid(
        'memoryStore() locks only within this process, which NODE_ENV=production forbids; use redisStore({ url }), or memoryStore({ allowInProduction: true }) if this is the only process there will ever be',
      );
    }
    this.#member = { context, granting: true };
    // The clock of the next manager may be another one. On the same one tokens go on to rise.
    if (this.#table?.clock !== context.clock) this.#table = new MemoryLockTable(context.clock);
    this.#table.join(this.#member);
    this.#closed = false;
  }

  async ready(): Promise<void> {
    this.#serving();
  }

  async acquire(request: AcquireRequest, signal: StopSignal): Promise<Grant | Busy | Full> {
    if (signal.aborted) throw signal.reason;
    const { table, member } = this.#serving();
    const lock = table.findOrCreate(member, request.name);
    const answer = lock.acquire(member, request);
    return answer.outcome === 'queued' ? waitFor(answer, lock, signal) : answer;
  }

  async renew(requests: readonly RenewRequest[]): Promise<RenewOutcome[]> {
    return requests.map((request) => this.#find(request.hold.name)?.renew(request) ?? { outcome: 'lost' });
  }

  async release(hold: Hold, onSent?: OnSent): Promise<ReleaseOutcome> {
    onSent?.(); // done in this same step
    return this.#find(hold.name)?.release(hold) ?? REFUSED;
  }

  async yieldOrKeep(
    hold: Hold,
    request: YieldRequest,
    signal: StopSignal,
  ): Promise<Kept | Yielded | Refused> {
    const { table, member } = this.#serving();
    const lock = table.find(member, hold.name);
    request.onSent?.(); // done in this same step
    if (lock === undefined) return REFUSED;
    const answer = lock.yieldOrKeep(member, hold, request);
    return answer.outcome === 'queued'
      ? { outcome: 'yielded', granted: waitFor(answer, lock, signal) }
      : answer;
  }

  async upgrade(hold: Hold, request: UpgradeRequest, signal: StopSignal): Promise<Grant | Busy> {
    const { table, member } = this.#serving();
    const lock = table.find(member, hold.name);
    const lost = new LockLostError(hold.name, { cause: 'taken' });
    if (lock === undefined) throw lost;
    const answer = lock.upgrade(member, hold, request);
    if (answer.outcome === 'refused') throw lost;
    if (answer.outcome !== 'queued') return answer;
    const leave = () => lock.leaveQueue(answer, signal.reason);
    signal.addEventListener('abort', leave);
    if (signal.aborted) leave();
    return answer.granted.finally(() => signal.removeEventListener('abort', leave));
  }

  async downgrade(hold: Hold): Promise<void> {
    if (this.#find(hold.name)?.downgrade(hold) !== true)
      throw new LockLostError(hold.name, { cause: 'taken' });
  }

  async setLimit(name: string, limit: number | null): Promise<void> {
    const { table, member } = this.#serving();
    table.findOrCreate(member, name).setLimit(limit);
  }

  async forceRelease(name: string, reason: string, fencingToken?: number): Promise<ForcedRelease | null> {
    this.#serving();
    return this.#find(name)?.forceRelease(reason, fencingToken) ?? null;
  }

  async inspect(name: string): Promise<StoreInspection> {
    this.#serving();
    return this.#find(name)?.inspect() ?? NOTHING_KNOWN;
  }

  async stopGranting(): Promise<void> {
    if (this.#member !== undefined) this.#table?.stopGranting(this.#member);
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#member !== undefined) this.#table?.leave(this.#member);
    this.#member = undefined;
  }

  #find(name: string) {
    return this.#member === undefined ? undefined : this.#table?.find(this.#member, name);
  }

  #serving(): { table: MemoryLockTable; member: Member } {
    if (this.#closed) throw new LockStoreError('LOCK_CLOSED', 'this memory store is closed');
    if (this.#table === undefined || this.#member === undefined) {
      throw invalid('this memory store serves no lock manager yet; give it to new LockManager({ store })');
    }
    if (!this.#warned) {
      this.#warned = true;
      this.#member.context.onWarning(
        'memoryStore() excludes callers of this process only; several processes need a store they share, such as redisStore({ url })',
      );
    }
    return { table: this.#table, member: this.#member };
  }
}

async function waitFor(waiter: Waiter, lock: MemoryLock, signal: StopSignal): Promise<Grant> {
  const leave = () => lock.leaveQueue(waiter, signal.reason);
  signal.addEventListener('abort', leave);
  if (signal.aborted) leave();
  else waiter.request.onWaiting?.({ retryAfterMs: lock.inspect().remainingMs ?? 0 });
  const grant = await waiter.granted.finally(() => signal.removeEventListener('abort', leave));
  if (!signal.aborted) return grant;
  lock.release(grant.hold); // the grant crossed the abort: nobody would use it
  throw signal.reason;
}

const REFUSED: Refused = { outcome: 'refused', ambiguous: false };

const NOTHING_KNOWN: StoreInspection = {
  held: false,
  heldSinceMs: null,
  remainingMs: null,
  fencingToken: null,
  label: null,
  mode: null,
  holders: [],
  limit: null,
  waiting: 0,
};

function checkOptions(options: MemoryStoreOptions): boolean {
  if (typeof options !== 'object' || options === null) {
    throw invalid(`memoryStore(options): options must be an object, got ${describeValue(options)}`);
  }
  const unknown = Object.keys(options).find((option) => option !== 'allowInProduction');
  if (unknown !== undefined) {
    throw invalid(
      `memoryStore(options): option "${unknown}" is not known here; leave it out. Known: allowInProduction`,
    );
  }
  const { allowInProduction = false } = options;
  if (typeof allowInProduction !== 'boolean') {
    throw invalid(
      `memoryStore(options): allowInProduction must be true or false, got ${describeValue(allowInProduction)}`,
    );
  }
  return allowInProduction;
}

function invalid(message: string): LockUsageError {
  return new LockUsageError('LOCK_OPTIONS_INVALID', message);
}
