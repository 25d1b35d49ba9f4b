import {
  type BeforeApplicationShutdown,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { type Clock, LockManager, systemClock } from '../lib/index.js';
import { retireService } from './active-services.js';
import type { LockServiceSettings } from './distributed-lock.module-options.js';
import type { LockRegistry } from './lock.registry.js';
import { warnWithoutShutdownHooks } from './shutdown-hooks.js';
import { waitForStore } from './store-startup.js';

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
  readonly registry: LockRegistry;
  readonly #logger = new Logger('DistributedLock');
  readonly #clock: Clock;
  readonly #stop = new AbortController();

  /** @internal Made by DistributedLockModule. */
  constructor(settings: LockServiceSettings, registry: LockRegistry) {
    super(settings.manager);
    this.settings = settings;
    this.registry = registry;
    this.#clock = settings.manager.clock ?? systemClock;
    this.#logEvents();
  }

  /** Nest calls it. */
  async onModuleInit(): Promise<void> {
    try {
      this.registry.add(this.settings.name, this);
      await waitForStore(this, {
        address: this.settings.storeAddress,
        startup: this.settings.startup,
        clock: this.#clock,
        logger: this.#logger,
        signal: this.#stop.signal,
      });
    } catch (error) {
      // Nest does not close an application that did not start, and a connection that goes on trying keeps the process alive.
      await this.close();
      throw error;
    }
  }

  /** Nest calls it. */
  onApplicationBootstrap(): void {
    try {
      this.registry.requireDefault(this.settings.name);
    } catch (error) {
      void this.close();
      throw error;
    }
    warnWithoutShutdownHooks(this.#clock, this.#logger, this.#stop.signal);
  }

  /** Nest calls it. */
  beforeApplicationShutdown(): void {
    void this.close(); // awaited in onApplicationShutdown: the server must drain meanwhile
  }

  /** Nest calls it. */
  async onApplicationShutdown(): Promise<void> {
    await this.close();
  }

  override close(): Promise<void> {
    this.#stop.abort();
    retireService(this);
    return super.close();
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
