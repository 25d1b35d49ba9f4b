import { copySymbol } from '../lib/index.js';
import { LockService } from './lock.service.js';

export const DEFAULT_SERVICE = 'default';

/** The options of one registration as they were given, and its name; private to its module. Tests put others in their place. */
export const LOCK_MODULE_OPTIONS = copySymbol('module-options');
export const LOCK_SERVICE_NAME = copySymbol('service-name');

/** The checked options of one registration; private to its module. */
export const LOCK_SETTINGS = copySymbol('settings');

/**
 * What Nest's container knows a lock service by: the class for the default one, so that `constructor(locks: LockService)` just
 * works; a symbol for others.
 */
export function lockServiceToken(name: string): typeof LockService | symbol {
  return name === DEFAULT_SERVICE ? LockService : copySymbol(`service:${name}`);
}

/** What one application knows about its locks (startup/lock.registry.ts). Exported by the module, for filters and interceptors of any module. */
export const LOCK_REGISTRY = copySymbol('registry');

/** The prefix that `forFeature` gives a module; private to the module that it makes. */
export const LOCK_FEATURE = copySymbol('feature');

/** Our interceptor as Nest has it, for those who look for it among others. */
export const LOCK_INTERCEPTOR = copySymbol('interceptor');

/** Its making is what counts: it reaches handlers before a gateway is bound or a microservice connected. */
export const HANDLER_EDGE = copySymbol('handler-edge');
