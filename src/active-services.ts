import type { LockService } from './lock.service.js';

const ACTIVE = Symbol.for('nestjs-distributed-lock:active-services');
const shared = globalThis as { [ACTIVE]?: Set<LockService> };
/** Every lock service of this process between start and shutdown. */
const active = (shared[ACTIVE] ??= new Set<LockService>());

export function activateService(service: LockService): void {
  active.add(service);
}

export function retireService(service: LockService): void {
  active.delete(service);
}

export function activeServices(name: string): LockService[] {
  return [...active].filter((service) => service.settings.name === name);
}
