export * from '../../lib/testing/index.js';
export { NoLocks, type NoLocksOptions } from './no-locks.js';
export {
  type HeldElsewhere,
  type HoldElsewhereOptions,
  TestLocks,
  type TestLocksOptions,
} from './test-locks.js';
export type { OverridableBuilder } from './overridable-builder.js';
