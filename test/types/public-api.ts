/**
 * The types a user meets, checked by `npm run typecheck`: what must compile, and after each @ts-expect-error what must not.
 * Nothing here runs.
 */
import type { DynamicModule } from '@nestjs/common';
import { Redis } from 'ioredis';
import {
  CurrentLease,
  DistributedLockModule,
  InjectLockService,
  type Lease,
  Locked,
  LockKey,
  lockName,
  LockService,
} from 'nestjs-distributed-lock';
import {
  LockBusyError,
  type LockError,
  type LockErrorCode,
  type LockInspection,
  LockManager,
  type LockStore,
  type LossCause,
  memoryStore,
  redisStore,
} from 'nestjs-distributed-lock/engine';
import { FaultProxy, ManualClock } from 'nestjs-distributed-lock/testing';

/** Fails to compile unless both are the same type; `any` is the same as nothing. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the known way to compare types exactly
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : never;
declare function same<A, B>(proof: Same<A, B>): void;

declare const locks: LockManager;
declare const lease: Lease;
declare const error: LockError;
const name = lockName`group:${42}`;

// Acquiring says in its type whether there may be no lease.
same<ReturnType<typeof locks.acquire>, Promise<Lease>>(true);
same<ReturnType<typeof locks.tryAcquire>, Promise<Lease | null>>(true);
same<ReturnType<typeof locks.inspect>, Promise<LockInspection>>(true);
same<typeof name, string>(true);
void locks.acquire(['one'], {
  waitMs: Infinity,
  leaseMs: 5_000,
  signal: new AbortController().signal,
  label: 'x',
  cohortMs: 0,
  release: 'sent',
  maxWaiters: 50,
  maxWaitingProcesses: 10,
  maxHoldMs: 60_000,
  minHoldMs: 500,
  template: 'group:<id>',
});
// Several names, each with what is asked for it by itself.
void locks.acquire(['a', { name: 'b' }, { name: 'c', mode: 'exclusive' }]);
void locks.tryUsing(['a', 'b'] as const, (held) => held.fencingTokens.get('a'));
same<Lease['fencingTokens'], ReadonlyMap<string, number>>(true);
same<Lease['names'], readonly string[]>(true);
// @ts-expect-error a list is of names
void locks.acquire(['a', 5]);
// @ts-expect-error an option of the call is not one of a name
void locks.acquire([{ name: 'a', waitMs: 5 }]);
// @ts-expect-error what is asked about a lock is about one name
void locks.inspect(['a', 'b']);
// @ts-expect-error a number is no name
void locks.acquire(42);
// @ts-expect-error options are checked by name
void locks.acquire('a', { timeout: 5 });
// @ts-expect-error options are checked by type
void locks.acquire('a', { waitMs: '5s' });
// @ts-expect-error options are checked by value
void locks.acquire('a', { release: 'later' });
// @ts-expect-error trying never waits
void locks.tryAcquire('a', { waitMs: 5 });
// @ts-expect-error a mode that does not exist
void locks.acquire('a', { mode: 'mutex' });
// @ts-expect-error the lease may be missing
void locks.tryAcquire('a').then((maybe) => maybe.release());

// The work gets the lease, and its result comes back, awaited once.
const result = locks.using('a', async (held) => ({ fence: held.fencingToken }));
same<typeof result, Promise<{ fence: number }>>(true);
const plain = locks.using('a', () => 5);
same<typeof plain, Promise<number>>(true);
void locks
  .tryUsing('a', () => 'x')
  .then((tried) => {
    // @ts-expect-error there is a value only when the lock was acquired
    void tried.value;
    return tried.acquired && same<typeof tried.value, string>(true);
  });

// A lease is read-only from outside and can be disposed of.
same<Lease['state'], 'held' | 'uncertain' | 'lost' | 'released'>(true);
same<Lease['signal'], AbortSignal>(true);
same<ReturnType<Lease['release']>, Promise<'released' | 'lost'>>(true);
export async function disposing(): Promise<number> {
  await using held = await locks.acquire('a');
  return held.fencingToken;
}
// @ts-expect-error the token is the store's to give
lease.fencingToken = 5;
// @ts-expect-error the state is computed
lease.state = 'held';

// Errors are told apart by their code.
same<typeof error.code, LockErrorCode>(true);
export const known: LockErrorCode[] = [
  'LOCK_BUSY',
  'LOCK_LOST',
  'LOCK_STORE_UNAVAILABLE',
  'LOCK_NAME_INVALID',
];
// @ts-expect-error a code that does not exist
export const unknownCode: LockErrorCode = 'LOCK_TIMEOUT';
if (error instanceof LockBusyError) same<typeof error.retryAfterMs, number>(true);

// Events carry what their name promises, and `on` gives back the way to stop.
const stop = locks.on('lost', (event) => {
  same<typeof event.cause, LossCause>(true);
  same<typeof event.fencingToken, number>(true);
});
same<typeof stop, () => void>(true);
// @ts-expect-error an event that does not exist
locks.on('expired', () => {});
// @ts-expect-error a release has no cause
locks.on('released', ({ cause }) => cause);

// Stores and managers.
same<ReturnType<typeof memoryStore>, LockStore>(true);
same<ReturnType<typeof redisStore>, LockStore>(true);
void new LockManager({
  store: redisStore({ client: new Redis() }),
  prefix: 'app',
  leaseMs: 5_000,
  drainMs: 0,
});
void new LockManager({ store: memoryStore(), clock: new ManualClock() });
void FaultProxy.listen({ host: '127.0.0.1', port: 6379 }).then((proxy) => (proxy.mode = 'black-hole'));
// @ts-expect-error a manager needs a store
void new LockManager({ prefix: 'app' });
// @ts-expect-error a signal belongs to a call, not to a manager
void new LockManager({ store: memoryStore(), signal: new AbortController().signal });

// The module.
same<ReturnType<typeof DistributedLockModule.forRoot>, DynamicModule>(true);
void DistributedLockModule.forRoot();
void DistributedLockModule.forRoot({ redis: 'redis://localhost', prefix: 'app', startup: 'background' });
void DistributedLockModule.forRoot({ redis: { host: 'localhost' } });
void DistributedLockModule.forRoot({ redis: new Redis(), name: 'reports', isGlobal: false });
void DistributedLockModule.forRoot({ store: memoryStore() });
void DistributedLockModule.forRootAsync({
  useFactory: (url: string) => ({ redis: url }),
  inject: ['URL'],
});
// @ts-expect-error an option that does not exist
void DistributedLockModule.forRoot({ ttl: 5 });
// @ts-expect-error a factory must give options
void DistributedLockModule.forRootAsync({ useFactory: () => 'redis://localhost' });

// Decorators.
export class Groups {
  constructor(
    readonly own: LockService,
    @InjectLockService('reports') readonly reports: LockService,
  ) {}

  @Locked('group:<groupId>')
  async join(groupId: string, @CurrentLease() held?: Lease): Promise<string> {
    return `${groupId} ${held?.fencingToken}`;
  }

  @Locked('c', { cohortMs: 0, release: 'sent', maxWaiters: 50, maxWaitingProcesses: 10 })
  crowded(): Promise<void> {
    return Promise.resolve();
  }

  @Locked(['a:<a>', 'b'], { waitMs: 5, leaseMs: 5_000, onBusy: 'reject', phase: 'handler', busyStatus: 409 })
  async both(@LockKey('a') something: string): Promise<string> {
    return something;
  }

  @Locked((dto: { id: number }) => lockName`order:${dto.id}`)
  async order(dto: { id: number }): Promise<number> {
    return dto.id;
  }

  // @ts-expect-error options are checked by name
  @Locked('a', { ttl: 5 })
  async wrongOption(): Promise<void> {}

  // @ts-expect-error options are checked by value
  @Locked('a', { onBusy: 'ignore' })
  async wrongValue(): Promise<void> {}

  // @ts-expect-error a name is a text
  @Locked(5)
  async wrongName(): Promise<void> {}

  // @ts-expect-error only methods are locked
  @Locked('a')
  readonly property: string = '';
}
