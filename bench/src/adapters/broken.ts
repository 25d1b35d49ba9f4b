import type { Adapter } from './adapter.js';

/** Does not lock at all, very fast. For the tests: every scenario must refuse it. */
export const broken: Adapter = {
  id: 'broken',
  label: 'no lock at all',
  packageName: '',
  setUp: 'runs the work at once',
  renews: true,
  open: async () => ({ using: (_name, work) => work(), close: async () => {} }),
};
