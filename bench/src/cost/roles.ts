/** For a process that measures: here are its roles. */
export { kindPairs } from './kinds/pairs-of-a-kind.js';
export { reentry } from './kinds/reentry.js';
export { starvation } from './kinds/starvation.js';
export { leases } from './leases.js';
export { processes } from './processes.js';
export { queue } from './queue.js';
export { waitedNames } from './waited-names.js';
export { waiters } from './waiters.js';
