import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SampleApps } from './sample-apps.js';

describe('the sample app without any Redis', () => {
  let apps: SampleApps;
  beforeAll(async () => {
    apps = await SampleApps.start();
  });
  afterAll(() => apps.stop());

  it('runs all three stories in memory', async () => {
    expect(await apps.post('/presence/ann/devices', { deviceId: 'phone', gatewayId: 'gw-1' })).toMatchObject({
      status: 201,
    });
    const group = await apps.post('/groups', { name: 'Solo', seats: 1 });
    const groupId = String(group.body['groupId']);
    expect(await apps.post(`/groups/${groupId}/members`, { userId: 'ann' })).toMatchObject({ status: 201 });
    const message = { senderId: 'ann', clientMessageId: 'm-1', toUserId: 'bob', text: 'hello' };
    expect(await apps.post('/messages', message)).toMatchObject({ status: 201 });
  });

  it('tells a first visitor what to type', async () => {
    const { body } = await apps.get('/');
    expect(body['text']).toContain(`curl -s ${apps.urls[0]}/presence/ann`);
    expect(body['text']).toContain('/docs');
  });

  it('has an OpenAPI page and document with every route', async () => {
    expect(await apps.get('/docs')).toMatchObject({ status: 200, type: expect.stringContaining('html') });
    const { paths } = (await apps.get('/docs-json')).body as { paths: object };
    expect(Object.keys(paths)).toEqual(
      expect.arrayContaining(['/presence/{userId}/devices', '/groups/{groupId}/members', '/messages']),
    );
  });

  it('counts how long acquisitions waited', async () => {
    await apps.post('/lock-waits/take', {});
    await apps.post('/presence/ann/devices', { deviceId: 'phone', gatewayId: 'gw-1' });
    const { body } = await apps.post('/lock-waits/take', {});
    expect(body['waitsMs']).toEqual([expect.any(Number)]);
  });

  it.each([
    ['/presence/ann/devices', { deviceId: 'phone' }, 'gatewayId must be 1 to 64 letters'],
    ['/presence/ann/devices', { deviceId: 'a b', gatewayId: 'gw' }, 'deviceId must be 1 to 64 letters'],
    ['/presence/a%2Fb/devices', { deviceId: 'phone', gatewayId: 'gw' }, 'userId must be 1 to 64 letters'],
    [
      '/presence/ann/devices',
      { deviceId: 'phone', gatewayId: 'gw', admin: true },
      'property admin should not exist',
    ],
    ['/groups', { name: 'Book Club', seats: 0 }, 'seats must not be less than 1'],
    ['/groups', { name: ' spaces ', seats: 1 }, 'name must be 1 to 64 letters'],
    ['/groups/g%20h/members', { userId: 'ann' }, 'groupId must be 1 to 64 letters'],
    ['/groups/g/import', { userIds: ['ann', 'b b'], workMs: 0 }, 'each of userIds must be'],
    [
      '/messages',
      { senderId: 'ann', clientMessageId: 'm', toUserId: 'bob', text: '' },
      'text must be longer',
    ],
    ['/messages', { senderId: 'ann', clientMessageId: 'm', text: 'x' }, 'give either toUserId or toGroupId'],
    [
      '/messages',
      { senderId: 'ann', clientMessageId: 'm', text: 'x', toUserId: 'b', toGroupId: 'g' },
      'give either',
    ],
    ['/users/bob/messages/acknowledge', { messageIds: [] }, 'messageIds'],
  ])('answers 400 to POST %s %j, saying what is wrong', async (path, body, detail) => {
    const answer = await apps.post(path, body);
    expect(answer).toMatchObject({ status: 400, type: expect.stringContaining('application/problem+json') });
    expect(answer.body).toMatchObject({
      status: 400,
      code: 'REQUEST_INVALID',
      detail: expect.stringContaining(detail),
    });
  });

  it('answers 400 when the value that names the lock is left out', async () => {
    const answer = await apps.post('/groups', { seats: 1 });
    expect(answer).toMatchObject({
      status: 400,
      type: expect.stringContaining('application/problem+json'),
      body: { code: 'LOCK_TEMPLATE_UNRESOLVED', detail: expect.stringContaining('body.name') },
    });
  });

  it('answers 400 to a body that is no JSON, and 404 to an unknown route, as problems too', async () => {
    const broken = await fetch(`${apps.urls[0]}/groups`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{',
    });
    expect([broken.status, broken.headers.get('content-type')]).toEqual([
      400,
      expect.stringContaining('application/problem+json'),
    ]);
    expect(await apps.get('/nowhere')).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
  });
});
