import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type RedisServer, startRedis } from '../support/start-redis.js';
import { SampleApps, times } from './sample-apps.js';

const DEVICES = 20;

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

describe('presence, at two instances', () => {
  let apps: SampleApps;
  afterEach(() => apps.stop());

  const bindAtOnce = () =>
    Promise.all(
      times(DEVICES, (n) =>
        apps.post('/presence/ann/devices', { deviceId: `d-${n}`, gatewayId: `gw-${n % 2}` }, n),
      ),
    );
  const devices = async () => (await apps.get('/presence/ann')).body['devices'] as unknown[];

  it('keeps every device that came online at once', async () => {
    apps = await SampleApps.start({ count: 2, redisUrl: redis.url });
    const answers = await bindAtOnce();
    expect(answers.map((answer) => answer.status)).toEqual(times(DEVICES, () => 201));
    expect(await devices()).toHaveLength(DEVICES);
  });

  it('loses devices without the lock, which is what the lock is for', async () => {
    apps = await SampleApps.start({ count: 2, redisUrl: redis.url, unlocked: ['presence'] });
    const answers = await bindAtOnce();
    expect(answers.map((answer) => answer.status)).toEqual(times(DEVICES, () => 201));
    expect((await devices()).length).toBeLessThan(DEVICES);
  });

  it('tells at which gateways a user is', async () => {
    apps = await SampleApps.start({ count: 2, redisUrl: redis.url });
    expect((await apps.get('/presence/ann')).body).toEqual({
      userId: 'ann',
      online: false,
      gateways: [],
      devices: [],
    });
    await apps.post('/presence/ann/devices', { deviceId: 'phone', gatewayId: 'gw-2' }, 0);
    await apps.post('/presence/ann/devices', { deviceId: 'laptop', gatewayId: 'gw-1' }, 1);
    expect((await apps.get('/presence/ann')).body).toMatchObject({
      online: true,
      gateways: ['gw-1', 'gw-2'],
    });
  });

  it('moves a device to its new gateway, and does not believe the old one that it is gone', async () => {
    apps = await SampleApps.start({ count: 2, redisUrl: redis.url });
    await apps.post('/presence/ann/devices', { deviceId: 'phone', gatewayId: 'gw-1' }, 0);
    const moved = await apps.post('/presence/ann/devices', { deviceId: 'phone', gatewayId: 'gw-2' }, 1);
    expect(moved.body['gateways']).toEqual(['gw-2']);
    const late = await apps.delete('/presence/ann/devices/phone?gatewayId=gw-1');
    expect(late.body).toMatchObject({ online: true, gateways: ['gw-2'] });
    const gone = await apps.delete('/presence/ann/devices/phone?gatewayId=gw-2', 1);
    expect(gone.body).toMatchObject({ online: false, devices: [] });
  });
});
