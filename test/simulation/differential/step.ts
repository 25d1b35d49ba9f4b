import type { ScriptName } from '../../../lib/stores/redis/redis-link.js';
import { gateKeys } from '../../../lib/stores/redis/redis-keys.js';
import type { Refusal, ScoredMember } from '../scripted-redis.js';

/** One thing that happens to a server. Pure data, so that a sequence can be replayed, printed and made smaller. */
export type Step =
  | { readonly does: 'script'; readonly script: ScriptName; readonly keys: string[]; readonly args: string[] }
  /** Time passes, or the server's clock is set: tokens, tickets and ends all see it. */
  | { readonly does: 'time'; readonly ms: number }
  /** A process listens on its channel, or is gone. */
  | { readonly does: 'listen' | 'leave'; readonly channel: string }
  | { readonly does: 'drop'; readonly key: string }
  | { readonly does: 'wipe' }
  /** Another program writes: a string without an end, or (with a score) a member of a sorted set. */
  | { readonly does: 'disturb'; readonly key: string; readonly value: string; readonly score?: number }
  | { readonly does: 'refuse'; readonly refusal: Refusal | undefined };

/** A reply, or how the server refused. */
export type Outcome = readonly unknown[] | { readonly refused: string };

/** What can be seen of a server after a step. */
export interface Observation {
  readonly outcome: Outcome | undefined;
  /** Of each key: what is in it, and for how long. */
  readonly contents: readonly Shown[];
}

export interface Shown {
  readonly text: string;
  readonly pttl: number;
  /** When the leases of holders end. */
  readonly ends?: readonly number[];
}

/** A sorted set. Of holders the scores are apart: the end of a hold that came from format 1 was told by the server's own clock. */
export function shownSet(key: string, members: readonly ScoredMember[], pttl: number): Shown {
  if (!key.endsWith(':h')) {
    return { text: `zset ${members.map(({ member, score }) => `${score} ${member}`).join('\n')}`, pttl };
  }
  const sorted = members.toSorted((a, b) => (a.member < b.member ? -1 : 1));
  const text = `zset ${sorted.map(({ member }) => member).join('\n')}`;
  return { text, pttl, ends: sorted.map(({ score }) => score) };
}

export interface Run {
  readonly observations: readonly Observation[];
  /** `channel message`, in the order in which they were published. Only what somebody heard. */
  readonly heard: readonly string[];
}

/** Three locks. */
export const STATE_KEYS = ['lock:{a}', 'lock:{b}', 'lock:{c}'] as const;
export const KEYS = STATE_KEYS.flatMap((key) => Object.values(gateKeys(key)));
/** Those of exclusive locks that nobody shares. */
export const PLAIN_KEYS = STATE_KEYS.flatMap((key) => [key, `${key}:q`]);
/** The first is of an older release, whose holds and places no gate takes over. */
export const CHANNELS = ['lock:c:one', 'lock:c:~two', 'lock:c:~three'];

/** 2026-11-20, in microseconds: tokens and tickets have as many digits as in life. */
export const START_US = 1_795_132_800_000_000;

/** Each script starts a little later than the last, as in life; so little that all of a sequence stay within one millisecond. */
export const STEP_US = 7;

/** How the server refused. Only the first word, when it is a code, is a matter of protocol; the rest is the server's prose, or Lua's. */
export function refusal(error: unknown): { readonly refused: string } {
  const [word = ''] = (error as Error).message.split(' ', 1);
  return { refused: /^[A-Z]+$/.test(word) ? word : 'ERR' };
}

/** A reply in which what was refused for one request of a batch is a refusal too. */
export function readable(reply: readonly unknown[]): Outcome {
  return reply.map((answer: unknown) => {
    if (!Array.isArray(answer) || answer[0] !== -8) return answer;
    return refusal(new Error(String(answer[1])));
  });
}
