import { Inject } from '@nestjs/common';
import { DEFAULT_SERVICE, lockServiceToken } from '../lock.tokens.js';

/**
 * Injects the lock service that `DistributedLockModule.forRoot({ name })` registered. Without a name: the default one, which is
 * also found by its class, `LockService`.
 */
export function InjectLockService(name: string = DEFAULT_SERVICE): ParameterDecorator & PropertyDecorator {
  return Inject(lockServiceToken(name));
}
