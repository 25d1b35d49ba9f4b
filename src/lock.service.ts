import {
  type BeforeApplicationShutdown,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import {
  type AcquireOptions,
  type Clock,
  type Lease,
  LockBusyError,
  LockManager,
  type LockNames,
  systemClock,
} from '../lib/index.js';
import type { LockServiceSettings } from './distributed-lock.module-options.js';
import { UnlockedRuns } from './unlocked-runs.js';

/** The registry of an application, as far as a lock service knows it: it is told what happens to the service. */
export interface ServiceRegistry {
  /** The application starts. Resolves when the service may be used. @throws what stops the start */
  starting(service: LockService, run: ServiceRun): Promise<void>;
  /** Every service of the application has been through `starting`. @throws what stops the start */
  started(service: LockService, run: ServiceRun): void;
  /** The service closes, perhaps without ever having started; may be said more than once. */
  stopped(service: LockService): void;
}

/** What goes with a service from its start to its end. */
export interface ServiceRun {
  readonly clock: Clock;
  readonly logger: { log(message: string): void; warn(message: string): void };
  /** Aborts when the service closes. */
  readonly signal: AbortSignal;
}

/**
 * What applications inject: the {@link LockManager}, brought up and down with the application.
 *
 * Shutdown goes in two steps, because Nest drains the HTTP server between them: before it, waiters are turned away and holders get
 * their `drainMs`, while requests in flight keep their locks; after it, we wait for what is still held, also when the server was
 * cut off and did not drain.
 */
@Injectable()
export class LockService
  extends LockManager
  implements OnModuleInit, OnApplicationBootstrap, BeforeApplicationShutdown, OnApplicationShutdown
{
  /** @internal */
  readonly settings: LockServiceSettings;
  /** @internal */
  readonly registry: ServiceRegistry;
  readonly #logger = new Logger('DistributedLock');
  readonly #stop = new AbortController();
  readonly #run: ServiceRun;
  #unlockedRuns: UnlockedRuns | undefined;

  /** @internal Made by DistributedLockModule. */
  constructor(settings: LockServiceSettings, registry: ServiceRegistry) {
    super(settings.manager);
    this.settings = settings;
    this.registry = registry;
    const clock = settings.manager.clock ?? systemClock;
    this.#run = { clock, logger: this.#logger, signal: this.#stop.signal };
    this.#logEvents();
  }

  /** Nest calls it. */
  async onModuleInit(): Promise<void> {
    try {
      await this.registry.starting(this, this.#run);
    } catch (error) {
      // Nest does not close an application that did not start, and a connection that goes on trying keeps the process alive.
      await this.close();
      throw error;
    }
  }

  /** Nest calls it. */
  onApplicationBootstrap(): void {
    try {
      this.registry.started(this, this.#run);
    } catch (error) {
      void this.close();
      throw error;
    }
  }

  /** Nest calls it. */
  beforeApplicationShutdown(): void {
    void this.close(); // awaited in onApplicationShutdown: the server must drain meanwhile
  }

  /** Nest calls it. */
  async onApplicationShutdown(): Promise<void> {
    await this.close();
  }

  /** For methods of `onStoreFailure: 'run-unlocked'`; an application that has none pays nothing for it. @internal */
  get unlockedRuns(): UnlockedRuns {
    return (this.#unlockedRuns ??= new UnlockedRuns(this, this.settings.manager));
  }

  /** As `LockManager.acquire`; waits for those of this process that run unlocked on these names (`onStoreFailure`), too. */
  override acquire(name: LockNames, options?: AcquireOptions): Promise<Lease> {
    const lease = super.acquire(name, options);
    const runs = this.#unlockedRuns;
    return runs === undefined ? lease : lease.then((granted) => runs.letEnd(granted, options));
  }

  /** As `LockManager.tryAcquire`; null also when somebody of this process runs unlocked on one of these names. */
  override async tryAcquire(
    name: LockNames,
    options?: Omit<AcquireOptions, 'waitMs'>,
  ): Promise<Lease | null> {
    const lease = await super.tryAcquire(name, options);
    if (lease === null || this.#unlockedRuns === undefined) return lease;
    try {
      return await this.#unlockedRuns.letEnd(lease, { waitMs: 0 });
    } catch (error) {
      if (error instanceof LockBusyError) return null;
      throw error;
    }
  }

  override async close(): Promise<void> {
    this.#stop.abort();
    this.registry.stopped(this);
    await Promise.all([super.close(), this.#unlockedRuns?.close()]);
  }

  #logEvents(): void {
    this.on('warning', ({ message }) => this.#logger.warn(message));
    this.on('lost', ({ error, name, label, cause, fencingToken }) =>
      this.#logger.error(error.message, { name, label, cause, fencingToken }),
    );
    this.on('releaseFailed', ({ error, name, label, fencingToken }) =>
      this.#logger.warn(`the release of a lock was not confirmed: ${error.message}`, {
        name,
        label,
        fencingToken,
      }),
    );
  }
}
