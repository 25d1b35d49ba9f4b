import type { ContractRunner } from '../../lib/testing/index.js';

/** So many cases of a suite run at the same time. */
const MOST = 5;

/**
 * A runner for cases that each have a place of their own and mostly wait: while one is reported, those behind it are under way already. They
 * are registered, and told, in their order.
 */
export function sideBySide({ describe, it }: ContractRunner): ContractRunner {
  const cases: { run: () => Promise<void>; outcome?: Promise<void> }[] = [];
  const begin = (from: number) => {
    for (const each of cases.slice(from, from + MOST)) {
      each.outcome ??= each.run();
      each.outcome.catch(() => undefined); // told when it is its turn
    }
  };
  return {
    describe,
    it: (title, run) => {
      const place = cases.push({ run }) - 1;
      it(title, () => {
        begin(place);
        return cases[place]!.outcome!;
      });
    },
  };
}
