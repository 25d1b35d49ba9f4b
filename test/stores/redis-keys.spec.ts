import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { lockKeys, probeKeys, processChannel } from '../../lib/stores/redis/redis-keys.js';

/** Names that try: the characters which mean something in a key, and anything else. */
const names = fc.oneof(
  fc.string({ unit: fc.constantFrom(...Array.from('ab/:{}%q0125|*\u0001')), minLength: 1, maxLength: 12 }),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
);

/** The part that Redis Cluster hashes: between the first `{` and the next `}`, if that is not empty. */
function slotTag(key: string): string {
  const open = key.indexOf('{');
  const close = key.indexOf('}', open + 1);
  return open !== -1 && close > open + 1 ? key.slice(open + 1, close) : key;
}

describe('the keys of a lock in Redis', () => {
  it('are written as the docs say', () => {
    expect(lockKeys('lock', 'group:42')).toEqual({ state: 'lock:{group:42}', queue: 'lock:{group:42}:q' });
    expect(lockKeys('app', 'group:42/seat:7').state).toBe('app:{group:42}/seat%3A7');
    expect(lockKeys('lock', '/groups/5').state).toBe('lock:{/groups}/5');
    expect(lockKeys('lock', 'a}b{c%d').state).toBe('lock:{a%7Db%7Bc%25d}');
  });

  it('of two different names are never the same, nor one the companion of the other', () => {
    fc.assert(
      fc.property(names, names, (one, other) => {
        fc.pre(one !== other);
        const [a, b] = [lockKeys('lock', one), lockKeys('lock', other)];
        expect(new Set([a.state, a.queue, b.state, b.queue]).size).toBe(4);
      }),
      { numRuns: 5_000 },
    );
  });

  it('of one name lie in one slot of a cluster, which the root decides and no id can leave', () => {
    fc.assert(
      fc.property(names, names, (name, below) => {
        const { state, queue } = lockKeys('lock', name);
        expect(slotTag(state)).toBe(slotTag(queue));
        expect(slotTag(lockKeys('lock', `root/${below}`).state)).toBe('root');
      }),
      { numRuns: 2_000 },
    );
  });

  it('never meet a channel or a key of the start-up check', () => {
    fc.assert(
      fc.property(names, fc.stringMatching(/^[A-Za-z0-9_-]{1,22}$/), (name, id) => {
        const ours = [processChannel('lock', id), ...Object.values(probeKeys('lock', id))];
        const { state, queue } = lockKeys('lock', name);
        expect(ours).not.toContain(state);
        expect(ours).not.toContain(queue);
      }),
      { numRuns: 2_000 },
    );
  });
});
