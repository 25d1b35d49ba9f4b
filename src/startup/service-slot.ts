import { Inject } from '@nestjs/common';
import type { ModuleRef } from '@nestjs/core';
import { LockUsageError } from '../../lib/index.js';
import type { LockService } from '../lock.service.js';
import { lockServiceToken } from '../lock.tokens.js';
import type { LockedSpec } from '../locked-spec.js';
import { activeServices } from './active-services.js';
import { whereCopiesAre } from './copies.js';

/**
 * How a decorated method finds its lock service.
 *
 * `@Locked` asks Nest to inject the service as a property, so every instance Nest makes (request-scoped, transient, inherited) gets
 * the one of its own application, and an application that forgot the module does not start. The property lives under a
 * symbol whose accessor keeps it in a WeakMap: nothing becomes visible on the instance.
 */

/** Nest shows this text when it cannot resolve the property. */
const slotKey = (serviceName: string): symbol =>
  Symbol.for(`@Locked needs DistributedLockModule.forRoot() for the lock service "${serviceName}"`);

/** Adds the injected property to a class that has a decorated method; once per class and service. */
export function addServiceSlot(prototype: object, serviceName: string): void {
  const key = slotKey(serviceName);
  if (!Object.hasOwn(prototype, key)) {
    const services = new WeakMap<object, LockService>();
    Object.defineProperty(prototype, key, {
      configurable: true,
      get(this: object) {
        return services.get(this);
      },
      set(this: object, service: LockService) {
        services.set(this, service);
      },
    });
  }
  Inject(lockServiceToken(serviceName))(prototype, key);
}

/** For instances that Nest did not make itself (useValue, useFactory). One that had an application before, which has closed, goes over to this one. */
export function fillServiceSlot(instance: object, serviceName: string, service: LockService): void {
  const key = slotKey(serviceName);
  const slots = instance as Record<symbol, LockService | undefined>;
  if (!(key in instance)) return;
  const present = slots[key];
  if (present === undefined || !activeServices(serviceName).includes(present)) slots[key] = service;
}

/**
 * The service a method asks for, of the application that the ModuleRef belongs to.
 *
 * @throws LockUsageError when nobody registered it
 */
export function serviceIn(moduleRef: ModuleRef, spec: LockedSpec): LockService {
  try {
    return moduleRef.get<LockService>(lockServiceToken(spec.serviceName), { strict: false });
  } catch (error) {
    const message = `@Locked on ${spec.place}: there is no lock service "${spec.serviceName}"; register it with DistributedLockModule.forRoot({ name })`;
    throw new LockUsageError('LOCK_OPTIONS_INVALID', message, { cause: error });
  }
}

/**
 * The service for one call: the injected one; for static methods and objects made with `new`, the only one of the process.
 *
 * @throws LockUsageError, because a method that cannot lock must not run
 */
export function serviceFor(self: unknown, spec: LockedSpec): LockService {
  const injected =
    typeof self === 'object' && self !== null
      ? (self as Record<symbol, LockService | undefined>)[slotKey(spec.serviceName)]
      : undefined;
  if (injected !== undefined) return injected;
  const candidates = activeServices(spec.serviceName);
  const [only] = candidates;
  if (only !== undefined && candidates.length === 1) return only;
  const problem =
    candidates.length === 0
      ? `no lock service "${spec.serviceName}" is running; is DistributedLockModule.forRoot() imported and the application started?${whereCopiesAre()}`
      : `${candidates.length} applications of this process have a lock service "${spec.serviceName}", and this object was made outside of Nest's container; let Nest make it, or inject LockService and use locks.using`;
  throw new LockUsageError(
    'LOCK_OPTIONS_INVALID',
    `@Locked on ${spec.place} did not run the method: ${problem}`,
  );
}
