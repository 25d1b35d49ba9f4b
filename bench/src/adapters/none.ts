import { type Adapter } from './adapter.js';

/** What all of them are held against where the work itself takes time. */
export const none: Adapter = {
  id: 'none',
  label: 'without a lock',
  packageName: '',
  setUp: 'the same work without any lock',
  renewsAt: null,
  open: async () => ({ using: (_name, work) => work(), close: async () => {} }),
};
