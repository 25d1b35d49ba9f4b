import { gateKeys } from '../../../lib/stores/redis/redis-keys.js';
import type { HeldKind } from '../../support/history/check-history.js';
import { exclude } from '../../support/history/kinds.js';
import type { ScriptedServer } from '../scripted-server.js';
import { Violation } from './laws.js';

const KINDS: Readonly<Record<string, HeldKind>> = {
  x: 'exclusive',
  s: 'shared',
  u: 'upgradeable',
  l: 'limited',
  i: 'intention-shared',
  I: 'intention-exclusive',
};

export interface GateHolder {
  readonly token: string;
  readonly mode: string;
  readonly weight: number;
  readonly fence: number;
}

/** What lies in the keys of one name, in either format. */
export interface GateView {
  readonly isOpen: boolean;
  readonly limit: number;
  /** Whose lease has not ended. */
  readonly holders: readonly GateHolder[];
  /** Is there anybody whose lease has? */
  readonly isStale: boolean;
  readonly waiting: readonly Pick<GateHolder, 'token' | 'mode' | 'weight'>[];
}

function demand(holds: boolean, law: string): void {
  if (!holds) throw new Violation(law);
}

export function lookAtGate({ redis }: ScriptedServer, key: string): GateView {
  const { state, queue, waiting, holders, records } = gateKeys(key);
  const text = redis.get(state) ?? '';
  if (!text.startsWith('v2:')) {
    demand(!redis.exists(waiting, holders, records), 'a gate that is closed leaves no key');
    const held = { token: text.slice(49, 71), mode: 'x', weight: 1, fence: Number(text.slice(1, 17)) };
    const plainly = redis
      .zrange(queue)
      .map(({ member }) => ({ token: member.slice(0, 22), mode: 'x', weight: 1 }));
    return {
      isOpen: false,
      limit: 0,
      holders: /^[hH]/.test(text) ? [held] : [],
      isStale: false,
      waiting: plainly,
    };
  }
  demand(!redis.exists(queue), 'an open gate leaves no queue of format 1');
  const nowMs = Math.floor(redis.time() / 1_000);
  const all = redis.zrange(holders).map(({ member: token, score }) => {
    const record = redis.hget(records, token) ?? '';
    const [mode = '', weight, fence] = [
      record[32],
      Number(record.slice(33, 43)),
      Number(record.slice(0, 16)),
    ];
    return { token, mode, weight, fence, isLive: score >= nowMs };
  });
  return {
    isOpen: true,
    limit: Number(text.slice(36, 46)),
    holders: all.filter(({ isLive }) => isLive),
    isStale: all.some(({ isLive }) => !isLive),
    waiting: redis.zrange(waiting).map(({ member }) => ({
      token: member.slice(0, 22),
      mode: member.slice(32, 33),
      weight: Number(member.slice(33, 43)),
    })),
  };
}

function mayEnter(
  { holders, limit }: GateView,
  { token, mode, weight }: GateView['waiting'][number],
): boolean {
  if (mode === 'U') return holders.length === 1 && holders[0]!.token === token;
  const goesWithAll = holders.every((holder) => !exclude(KINDS[mode]!, KINDS[holder.mode]!));
  const used = holders.reduce((sum, holder) => sum + holder.weight, weight);
  return goesWithAll && (mode !== 'l' || used <= limit);
}

/**
 * In every state, whatever came before.
 *
 * @param isFresh a script of the gate has just looked: it has taken out those whose lease has ended, and let in who fits
 */
export function checkGate(view: GateView, isFresh: boolean): void {
  const { holders, waiting, limit, isOpen } = view;
  for (const [i, one] of holders.entries())
    for (const other of holders.slice(i + 1))
      demand(
        !exclude(KINDS[one.mode]!, KINDS[other.mode]!),
        'who excludes another one does not hold beside it',
      );
  const permits = holders.filter(({ mode }) => mode === 'l');
  demand(
    permits.reduce((sum, { weight }) => sum + weight, 0) <= limit || permits.length === 0,
    'no more permits than the limit',
  );
  demand(!isFresh || !view.isStale, 'whose lease has ended is taken out');
  const [head] = waiting;
  demand(
    !isOpen || !isFresh || head === undefined || !mayEnter(view, head),
    'whoever is first in the queue and fits is let in',
  );
  demand(!isOpen || !isFresh || holders.length + waiting.length > 0, 'a gate is open for somebody');
}

/** Largest tokens so far: of all, and of those who held it alone. */
export interface Tokens {
  readonly ofAll: number;
  readonly ofWriters: number;
}

/** What a script gave: each new token above those that it must be above. */
export function checkTokens(before: GateView, after: GateView, { ofAll, ofWriters }: Tokens): Tokens {
  const knownAs = ({ token }: GateHolder) => before.holders.find((known) => known.token === token);
  const given = after.holders.filter((holder) => {
    const known = knownAs(holder);
    return known === undefined || known.fence < holder.fence || (holder.mode === 'x' && known.mode !== 'x');
  });
  const waits = (view: GateView, one: { readonly token: string }) =>
    view.waiting.some(({ token }) => token === one.token);
  const passed = before.waiting.some((waiter) => waits(after, waiter));
  for (const holder of given)
    demand(!passed || waits(before, holder) || knownAs(holder) !== undefined, 'nobody passes who waits');
  for (const { mode, fence } of given)
    demand(fence > (mode === 'x' ? ofAll : ofWriters), 'a token is above all that it must be above');
  const highest = (holders: readonly GateHolder[]) => Math.max(0, ...holders.map(({ fence }) => fence));
  return {
    ofAll: Math.max(ofAll, highest(given)),
    ofWriters: Math.max(ofWriters, highest(given.filter(({ mode }) => mode === 'x'))),
  };
}
