import { LockStoreError } from '../../../lock-errors.js';
import type { Busy, Grant, Hold, StopSignal, StoreContext, UpgradeRequest } from '../../lock-store.js';
import type { PollGrid } from '../../mechanics/poll-grid.js';
import type { CallFailure } from '../../mechanics/tries.js';
import type { PushedGrant } from '../grant-channel.js';
import { isPassing, refusal, storeError } from '../redis-errors.js';
import type { RedisHold } from '../redis-hold.js';
import { gateKeys, lockKeys, probeKeys } from '../redis-keys.js';
import type { RedisSession } from '../redis-session.js';
import { downgrade, type GateCaller, setLimit } from './gate-calls.js';
import { GateUpgrade } from './gate-upgrade.js';

/** What the general gate needs of its store. */
export interface GateHome {
  readonly context: StoreContext;
  readonly session: RedisSession;
  readonly polls: PollGrid;
  readonly address: string;
  readonly commandMs: number;
  /** Somebody waits for a push from now on; or does not any more. */
  waits(by: 1 | -1): void;
  readonly isClosed: boolean;
}

/** The general gate as this process asks it: whether it may at all, upgrades, downgrades, limits. Acquisitions and releases find their own way. */
export class RedisGate {
  isAllowed = false;
  #asking: Promise<void> | undefined;
  readonly #upgrades = new Map<string, GateUpgrade>();
  readonly #caller: GateCaller;

  constructor(private readonly home: GateHome) {
    const { commandMs, context } = home;
    this.#caller = { link: home.session.link, commandMs, keepMs: context.keepMs };
  }

  get caller(): GateCaller {
    return this.#caller;
  }

  /**
   * Found out before the first request of a new kind, and not at the start: who uses exclusive locks only needs no further right. After a
   * refusal asked again the next time, since a right may have been given.
   *
   * @throws LockStoreError LOCK_STORE_UNSUPPORTED, which names what is refused; _UNAVAILABLE, _READONLY
   */
  allowed(): Promise<void> {
    if (this.isAllowed) return Promise.resolve();
    return (this.#asking ??= this.#probe().finally(() => (this.#asking = undefined)));
  }

  async #probe(): Promise<void> {
    const { context, commandMs, session } = this.home;
    const place = `Redis at ${this.home.address}`;
    const { holders, records } = gateKeys(probeKeys(context.prefix, context.randomness.ownerToken()).state);
    const call = { script: 'gate-probe', keys: [holders, records], args: [], boundMs: commandMs } as const;
    const { reply } = await session.link
      .call(call)
      .catch((failure: CallFailure) => Promise.reject(failure.error));
    const refused = reply.map(String).filter((text) => text !== '');
    if (refused.length > 0) {
      const first = refusal((refused[0] ?? '').replace(/^\w+: (ERR )?/, ''));
      if (isPassing(first)) throw storeError(first, place);
      const message = `${place} refuses what shared, upgradeable and limited locks need; grant the permissions: ${refused.join(' · ')}`;
      throw new LockStoreError('LOCK_STORE_UNSUPPORTED', message);
    }
    this.isAllowed = true;
  }

  upgrade(given: Hold, request: UpgradeRequest, signal: StopSignal): Promise<Grant | Busy> {
    const hold = given as RedisHold;
    const { home } = this;
    const upgrade = new GateUpgrade(
      {
        ...this.#caller,
        context: home.context,
        polls: home.polls,
        queued: () => home.waits(1),
        ended: (wasQueued) => {
          this.#upgrades.delete(hold.ownerToken);
          if (wasQueued) home.waits(-1);
        },
        get isClosed() {
          return home.isClosed;
        },
      },
      hold,
      { request, signal },
    );
    this.#upgrades.set(hold.ownerToken, upgrade);
    return upgrade.outcome;
  }

  downgrade(hold: Hold): Promise<void> {
    return this.allowed().then(() => downgrade(this.#caller, hold as RedisHold));
  }

  setLimit(name: string, limit: number | null): Promise<void> {
    const { state } = lockKeys(this.home.context.prefix, name);
    return this.allowed().then(() => setLimit(this.#caller, { name, stateKey: state }, limit));
  }

  /** @returns was it an upgrade's? */
  pushed(push: PushedGrant): boolean {
    const upgrade = this.#upgrades.get(push.ownerToken);
    upgrade?.onPush(push);
    return upgrade !== undefined;
  }

  /** Pushes may have been lost: of this token, or of all. */
  pollNow(ownerToken?: string): void {
    for (const [token, upgrade] of this.#upgrades) {
      if (ownerToken === undefined || ownerToken === token) upgrade.pollNow();
    }
  }

  close(reason: unknown): void {
    for (const upgrade of this.#upgrades.values()) upgrade.leave(reason);
  }
}
