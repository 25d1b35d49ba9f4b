import { processWide } from '../../lib/index.js';
import type { LockService } from '../lock.service.js';

/** Every lock service of this process between start and shutdown. */
const active = processWide('active-services', () => new Set<LockService>());

export function activateService(service: LockService): void {
  active.add(service);
}

export function retireService(service: LockService): void {
  active.delete(service);
}

export function activeServices(name: string): LockService[] {
  return [...active].filter((service) => service.settings.name === name);
}
