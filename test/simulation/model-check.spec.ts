import { describe, expect, it } from '@jest/globals';
import { check, describeCase, FAST_CASES } from './model/cases.js';
import { SEEDED_BUGS } from './model/seeded-bugs.js';

/** Larger cases: npm run test:model */
describe('in every interleaving of a small case every law holds, and everybody who waits is served', () => {
  it.each(FAST_CASES.map((small) => [describeCase(small), small] as const))(
    '%s',
    (_name, small) => {
      const { violation, complete, ends } = check(small);
      expect(violation).toBeUndefined();
      expect(complete).toBe(true);
      expect(ends).toBeGreaterThan(1);
    },
    60_000,
  );
});

describe('the checker finds a bug that is put in', () => {
  const quick = SEEDED_BUGS.filter(({ isFar }) => !isFar);

  it.each(quick.map((bug) => [bug.name, bug] as const))(
    '%s',
    (_name, bug) => {
      expect(check({ clients: 2, cycles: 1, ...bug }).violation?.law).toBe(bug.breaks);
    },
    60_000,
  );
});
