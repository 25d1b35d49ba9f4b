import { withQueue } from '../../../lib/stores/redis/redis-keys.js';
import type { WiredRequest as Wired } from '../../../lib/stores/redis/redis-wire.js';
import type { SeededRandom } from '../seeded-random.js';
import { CHANNELS } from './step.js';

export const KEEP_MS = 10_000;
const LEASES_MS = [1_000, 3_000, 5_000, 8_000, 30_000];
const MOST_QUEUED = [0, 1, 2, 3, 10_000, 10_000];
/** From nowhere, older than everybody's. */
const OLD_TICKET = '1795132800000001';
const NOTHING = '0'.repeat(16);
const NO_GRANT: KnownGrant = { fence: NOTHING, lineage: NOTHING };

/** What a client was told of its hold. */
export interface KnownGrant {
  readonly fence: string;
  readonly lineage: string;
}

/** One acquisition as a client would remember it. */
export interface Actor {
  readonly key: string;
  readonly token: string;
  readonly tail: string;
  lease: string;
  ticket: string;
  grant: KnownGrant | undefined;
  /** The last fencing token that it used. */
  used: string;
  /** May be in the queue. */
  queued: boolean;
}

export const digits = (number: number, length = 16) => String(number).padStart(length, '0');

const holdOf = ({ key }: Actor) => ({ keys: withQueue(key) });

/** Clients that remember what they were told, some of them wrongly, and what they would say next. */
export class Actors {
  readonly #all: Actor[] = [];
  #tokens = 0;

  constructor(private readonly random: SeededRandom) {}

  add(key: string): Actor {
    const { random } = this;
    const actor: Actor = {
      key,
      token: `token-${digits(this.#tokens++, 4)}-abcdefghijk`,
      tail: `${random.pick(CHANNELS)}${random.chance(0.15) ? '!' : ''}|${random.pick(['', 'label', 'l|l', 'ünïcode ✓'])}`,
      lease: digits(random.pick(LEASES_MS), 8),
      ticket: NOTHING,
      grant: undefined,
      used: NOTHING,
      queued: false,
    };
    const old = this.#all.findIndex((other) => other.key === key && random.chance(0.3));
    if (old === -1 && this.#all.length < 12) this.#all.push(actor);
    else this.#all[Math.max(0, old)] = actor;
    return actor;
  }

  any(): Actor {
    return this.random.pick(this.#all);
  }

  some(): Actor[] {
    return this.#all.filter(() => this.random.chance(0.5));
  }

  /** Of those who know of a grant, mostly. */
  holder(): Actor {
    const holders = this.#all.filter(({ grant }) => grant !== undefined);
    return holders.length > 0 && this.random.chance(0.9) ? this.random.pick(holders) : this.any();
  }

  find(token: string): Actor | undefined {
    return this.#all.find((actor) => actor.token === token);
  }

  learn(actor: Actor, fence: unknown, lineage: unknown): void {
    if (typeof fence !== 'string' || typeof lineage !== 'string') return;
    actor.grant = { fence, lineage };
    if (fence > actor.used) actor.used = fence;
  }

  /** Requests, as in acquire.lua; often with the same terms, so that they are sent once. */
  requests(actors: readonly Actor[]): Wired[] {
    const { random } = this;
    const terms = actors.map((actor) => this.#terms(actor));
    const first = random.chance(0.5) ? terms[0] : undefined;
    return actors.map((actor, index) => {
      const its = first ?? terms[index]!;
      actor.lease = its.slice(0, 8);
      if (its[8] === 'w') actor.queued = true;
      return { hold: holdOf(actor), terms: its, own: [actor.token + actor.tail] };
    });
  }

  #terms(actor: Actor): string {
    const { random } = this;
    const waits = random.chance(0.8);
    const ticket = random.chance(0.05) ? OLD_TICKET : random.chance(0.8) ? actor.ticket : NOTHING;
    return actor.lease + (waits ? 'w' : '-') + ticket + digits(random.pick(MOST_QUEUED), 8);
  }

  /** As in release.lua. @param leastMs 0: no least time */
  ending(actor: Actor, leastMs: number): Wired {
    const { random } = this;
    this.#countOn(actor);
    const { grant, used } = random.chance(0.1) ? this.any() : actor;
    const { fence, lineage } = (random.chance(0.15) ? undefined : grant) ?? NO_GRANT;
    const queued = actor.queued && random.chance(0.9) ? actor.lease : digits(0, 8);
    const isLeast = leastMs > 0 && lineage !== NOTHING;
    return {
      hold: holdOf(actor),
      terms: `${digits(KEEP_MS, 8)} ${queued}${isLeast ? digits(leastMs, 10) : ''}`,
      own: [
        `${isLeast ? 'm' : 'h'}${fence}${lineage}${fence}${actor.token}${actor.tail}`,
        `f${used}${lineage}`,
      ],
    };
  }

  /** As in yield.lua. */
  yieldings(actors: readonly Actor[], successors: readonly Actor[]): Wired[] {
    const places = this.requests(successors);
    return actors.map((actor, index) => {
      this.#countOn(actor);
      const { grant, used } = this.random.chance(0.05) ? this.any() : actor;
      const { fence, lineage } = grant ?? NO_GRANT;
      const { terms, own } = places[index]!;
      return { hold: holdOf(actor), terms, own: [actor.token + fence + lineage + used, ...own] };
    });
  }

  /** Three arguments, as in renew.lua. */
  renewal({ token, grant }: Actor, leasesMs: readonly number[] = LEASES_MS): string[] {
    const known = grant === undefined ? '' : grant.fence + grant.lineage;
    return [token, String(this.random.pick(leasesMs)), known];
  }

  /** A few local leases; sometimes as many as a clock that runs too fast would allow. */
  #countOn(actor: Actor): void {
    if (actor.grant === undefined) return;
    const { random } = this;
    const count = random.chance(0.1) ? random.integer(1, 2_000_000) : random.integer(0, 3);
    actor.used = digits(Number(actor.used) + count);
  }
}
