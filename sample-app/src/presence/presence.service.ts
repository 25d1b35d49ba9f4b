import { Injectable } from '@nestjs/common';
import { LockService, lockName } from 'nestjs-distributed-lock';
import { State } from '../state/state.js';
import type { BindDevice, Device, Presence } from './presence.dto.js';

const TABLE = 'presence';

/**
 * Which of a user's devices are online, and at which gateway. All devices of a user are one row, so two devices that come
 * online at once overwrite each other unless the user is locked.
 *
 * Here the lock is taken with an injected LockService: the locked part is smaller than the request and does not depend on it.
 */
@Injectable()
export class PresenceService {
  constructor(
    private readonly state: State,
    private readonly locks: LockService,
  ) {}

  /** A device comes online at a gateway, or moves to another one. */
  bind(userId: string, { deviceId, gatewayId }: BindDevice): Promise<Presence> {
    const device: Device = { deviceId, gatewayId, since: new Date().toISOString() };
    return this.change(userId, (devices) => [
      ...devices.filter((other) => other.deviceId !== deviceId),
      device,
    ]);
  }

  /**
   * A device goes offline. With a gateway: only if the device is still bound there, because the old gateway's «gone» may come
   * after the new gateway's «here».
   */
  unbind(userId: string, deviceId: string, gatewayId?: string): Promise<Presence> {
    const goes = (device: Device) =>
      device.deviceId === deviceId && (gatewayId === undefined || device.gatewayId === gatewayId);
    return this.change(userId, (devices) => devices.filter((device) => !goes(device)));
  }

  async query(userId: string): Promise<Presence> {
    const row = await this.state.read<{ devices: Device[] }>(TABLE, userId);
    return presenceOf(userId, row?.devices ?? []);
  }

  private change(userId: string, decide: (devices: Device[]) => Device[]): Promise<Presence> {
    return this.exclusively(userId, async (fencingToken) => {
      const row = await this.state.read<{ devices: Device[] }>(TABLE, userId);
      const devices = decide(row?.devices ?? []);
      const rows = [{ table: TABLE, id: userId, value: { devices } }];
      await this.state.write({ resource: lockName`presence:${userId}`, fencingToken, rows });
      return presenceOf(userId, devices);
    });
  }

  /** The lock. {@link UnlockedPresenceService} shows what happens without it. */
  protected exclusively<T>(userId: string, work: (fencingToken?: number) => Promise<T>): Promise<T> {
    return this.locks.using(lockName`presence:${userId}`, (lease) => work(lease.fencingToken));
  }
}

function presenceOf(userId: string, devices: Device[]): Presence {
  const gateways = [...new Set(devices.map((device) => device.gatewayId))].toSorted();
  return { userId, online: devices.length > 0, gateways, devices };
}
