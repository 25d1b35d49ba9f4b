import { LockService } from './lock.service.js';

export const DEFAULT_SERVICE = 'default';

/** The checked options of one registration; private to its module. */
export const LOCK_SETTINGS = Symbol.for('nestjs-distributed-lock:settings');

/**
 * What Nest's container knows a lock service by: the class for the default one, so that `constructor(locks: LockService)` just
 * works; a symbol for others. `Symbol.for`, because a process may load this package as ESM and as CommonJS.
 */
export function lockServiceToken(name: string): typeof LockService | symbol {
  return name === DEFAULT_SERVICE ? LockService : Symbol.for(`nestjs-distributed-lock:service:${name}`);
}
