import { gateKeys } from '../../../lib/stores/redis/redis-keys.js';
import type { ScriptName } from '../../../lib/stores/redis/redis-link.js';
import { digits, KEEP_MS, type Request } from './words.js';

/** A call of a script, as a client sends it, but for its nonce. */
export interface Call {
  readonly script: ScriptName;
  readonly keys: readonly string[];
  /** What stands before the nonce in the first argument. */
  readonly terms: string;
  readonly args: readonly string[];
}

export const KEY = 'lock:{a}';
export const ALL_KEYS = Object.values(gateKeys(KEY));

const keep = digits(KEEP_MS, 8);

function plainWords(key: string) {
  const { state, queue } = gateKeys(key);
  return {
    acquirePlainly: ({ token, tail, leaseMs, waits, ticket, most }: Request): Call => ({
      script: 'acquire',
      keys: [state, queue],
      terms: digits(leaseMs, 8) + (waits ? 'w' : '-') + digits(ticket) + digits(most, 8),
      args: [token + tail],
    }),
    releasePlainly: (hold: Ending): Call => {
      const { leastMs = 0 } = hold;
      const isLeast = leastMs > 0 && hold.lineage > 0;
      const grant = digits(hold.fence) + digits(hold.lineage) + digits(hold.fence);
      return {
        script: 'release',
        keys: [state, queue],
        terms: `${keep} ${hold.queued ? digits(hold.leaseMs, 8) : '00000000'}${isLeast ? digits(leastMs, 10) : ''}`,
        args: [
          `${isLeast ? 'm' : 'h'}${grant}${hold.token}${hold.tail}`,
          `f${digits(hold.used)}${digits(hold.lineage)}`,
        ],
      };
    },
    renewPlainly: (token: string, leaseMs: number, grant: { fence: number; lineage: number }): Call => ({
      script: 'renew',
      keys: [state],
      terms: '',
      args: [token, String(leaseMs), digits(grant.fence) + digits(grant.lineage)],
    }),
  };
}

function gateWords(key: string) {
  const { state, queue, waiting, holders, records, limit } = gateKeys(key);
  return {
    acquireAtGate: ({ token, tail, leaseMs, waits, ticket, most, ...kind }: Request): Call => ({
      script: 'gate-acquire',
      keys: [state, queue, waiting, holders, records, limit],
      terms:
        digits(leaseMs, 10) +
        (waits ? 'w' : '-') +
        digits(ticket) +
        digits(most, 8) +
        kind.mode +
        digits(kind.weight, 10) +
        digits(kind.limit, 10) +
        keep,
      args: [token + tail],
    }),
    releaseAtGate: (hold: Ending): Call => ({
      script: 'gate-release',
      keys: [state, waiting, holders, records],
      terms:
        keep +
        digits(hold.queued ? hold.leaseMs : 0, 10) +
        hold.mode +
        digits(hold.weight, 10) +
        digits(hold.leastMs ?? 0, 10),
      args: [hold.token + digits(hold.used) + digits(hold.lineage) + hold.tail],
    }),
    renewAtGate: (token: string, leaseMs: number, fence: number): Call => ({
      script: 'gate-renew',
      keys: [state, waiting, holders, records],
      terms: keep,
      args: [token + digits(leaseMs, 10) + digits(fence)],
    }),
    upgrade: (token: string, how: 'w' | '-' | 'c'): Call => ({
      script: 'gate-upgrade',
      keys: [state, waiting, holders, records],
      terms: '',
      args: [String(KEEP_MS), token, how],
    }),
    downgrade: (token: string, used: number): Call => ({
      script: 'gate-downgrade',
      keys: [state, queue, waiting, holders, records],
      terms: '',
      args: [String(KEEP_MS), token, digits(used)],
    }),
    force: (reason: string, only: number): Call => ({
      script: 'gate-force',
      keys: [state, waiting, holders, records],
      terms: '',
      args: [String(KEEP_MS), reason, only === 0 ? '' : digits(only)],
    }),
    inspect: (): Call => ({
      script: 'gate-inspect',
      keys: [state, waiting, holders, records],
      terms: '',
      args: [],
    }),
    setLimit: (n: number | undefined): Call => ({
      script: 'gate-limit',
      keys: [state, waiting, holders, records, limit],
      terms: '',
      args: [String(KEEP_MS), n === undefined ? '' : String(n)],
    }),
  };
}

/** What is asked of one lock, as each script reads it: see their headers. */
export const wordsFor = (key: string) => ({ ...plainWords(key), ...gateWords(key) });

export const words = wordsFor(KEY);

/** What a client knows of its hold, or of its place, when it gives it up. */
export interface Ending extends Pick<Request, 'token' | 'tail' | 'leaseMs' | 'mode' | 'weight'> {
  readonly fence: number;
  readonly used: number;
  readonly lineage: number;
  readonly queued: boolean;
  /** How long the name stays taken at least after its grant; 0: no least time. */
  readonly leastMs?: number;
}
