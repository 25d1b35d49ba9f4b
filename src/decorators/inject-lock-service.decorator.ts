import { Inject } from '@nestjs/common';
import { DEFAULT_SERVICE, lockServiceToken } from '../lock.tokens.js';
import { refuseStandardDecorators } from './standard-decorators.js';

/**
 * Injects the lock service that `DistributedLockModule.forRoot({ name })` registered. Without a name: the default one, which is
 * also found by its class, `LockService`.
 */
export function InjectLockService(name: string = DEFAULT_SERVICE): ParameterDecorator & PropertyDecorator {
  const inject = Inject(lockServiceToken(name));
  return (target: object, key: string | symbol | undefined, index?: number): void => {
    refuseStandardDecorators('@InjectLockService', key);
    inject(target, key, index as number); // undefined: it stands on a property
  };
}
