import type { RedisStoreOptions } from '../../lib/index.js';
import { systemClock } from '../../lib/runtime/clock.js';
import { systemRandomness } from '../../lib/runtime/owner-token.js';
import { Stop } from '../../lib/runtime/stop-signal.js';
import type {
  AcquireRequest,
  Busy,
  Full,
  Grant,
  Hold,
  LockStore,
  StopSignal,
  StoreContext,
} from '../../lib/stores/lock-store.js';
import { redisStore } from '../../lib/stores/redis/redis-store.js';

const KEEP_MS = 400;

/** A process that asks its store for every kind of lock, without an engine between. */
export class GateProcess {
  readonly store: LockStore;
  readonly losses: string[] = [];
  /** Owner tokens of holds behind which somebody has queued. */
  readonly waitedFor: string[] = [];
  readonly warnings: string[] = [];
  readonly #signal = new Stop();

  constructor(connection: RedisStoreOptions) {
    this.store = redisStore(connection);
    this.store.attach(this.#context());
  }

  #context(): StoreContext {
    return {
      prefix: 'lock',
      keepMs: KEEP_MS,
      clock: systemClock,
      randomness: systemRandomness,
      onLost: (ownerToken, cause) => void this.losses.push(`${ownerToken} ${cause}`),
      onWaitedFor: (ownerToken) => void this.waitedFor.push(ownerToken),
      onWarning: (message) => void this.warnings.push(message),
    };
  }

  ask(
    name: string,
    options: Partial<AcquireRequest> & { signal?: StopSignal } = {},
  ): Promise<Grant | Busy | Full> {
    const { signal = this.#signal, ...given } = options;
    const request = {
      name,
      ownerToken: systemRandomness.ownerToken(),
      leaseMs: 30_000,
      mode: 'exclusive' as const,
      label: '',
      wait: false,
      maxWaitingProcesses: 10_000,
      ...given,
    };
    return this.store.acquire(request, signal);
  }

  /** Asks for what must be free, or become free. */
  async take(name: string, options: Partial<AcquireRequest> & { signal?: StopSignal } = {}): Promise<Grant> {
    const answer = await this.ask(name, options);
    if (answer.outcome !== 'granted') throw new Error(`${name} was ${answer.outcome}`);
    return answer;
  }

  async renew(hold: Hold, leaseMs = 30_000): Promise<string> {
    const [outcome] = await this.store.renew([{ hold, leaseMs }]);
    return outcome!.outcome;
  }

  async release(hold: Hold): Promise<string> {
    return (await this.store.release(hold)).outcome;
  }

  async close(): Promise<void> {
    await this.store.stopGranting();
    this.#signal.abort(new Error('this process is closed'));
    await this.store.close();
  }
}
