import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type RedisServer, startRedis } from '../support/start-redis.js';
import { SampleApps, times } from './sample-apps.js';

const SEATS = 5;
const CANDIDATES = 30;

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

describe('groups, at two instances', () => {
  let apps: SampleApps;
  afterEach(() => apps.stop());

  const create = async (name = 'Book Club', seats = SEATS) =>
    String((await apps.post('/groups', { name, seats })).body['groupId']);
  const joinAtOnce = (groupId: string) =>
    Promise.all(
      times(CANDIDATES, (n) => apps.post(`/groups/${groupId}/members`, { userId: `user-${n}` }, n)),
    );

  it('sell each seat once, and tell the others that the group is full', async () => {
    apps = await SampleApps.start({ count: 2, redisUrl: redis.url });
    const groupId = await create();
    const answers = await joinAtOnce(groupId);
    expect(answers.filter((answer) => answer.status === 201)).toHaveLength(SEATS);
    const refused = answers.filter((answer) => answer.status !== 201);
    expect(refused).toHaveLength(CANDIDATES - SEATS);
    for (const { status, body } of refused) expect([status, body['code']]).toEqual([409, 'GROUP_FULL']);
    expect((await apps.get(`/groups/${groupId}/members`)).body).toHaveLength(SEATS);
  });

  it('sell more seats than there are without the lock, which is what the lock is for', async () => {
    apps = await SampleApps.start({ count: 2, redisUrl: redis.url, unlocked: ['groups'] });
    const answers = await joinAtOnce(await create());
    expect(answers.filter((answer) => answer.status === 201).length).toBeGreaterThan(SEATS);
  });

  it('give a name once, whatever its case, also when it is asked for at both at once', async () => {
    apps = await SampleApps.start({ count: 2, redisUrl: redis.url });
    const names = times(10, (n) => (n % 3 === 0 ? 'BOOK club' : 'Book Club'));
    const answers = await Promise.all(names.map((name, n) => apps.post('/groups', { name, seats: 1 }, n)));
    expect(answers.filter((answer) => answer.status === 201)).toHaveLength(1);
    expect(answers.filter((answer) => answer.body['code'] === 'GROUP_NAME_TAKEN')).toHaveLength(9);
  });

  it('count a member once who joins twice, and free the seat of one who leaves', async () => {
    apps = await SampleApps.start({ count: 2, redisUrl: redis.url });
    const groupId = await create('Chess', 1);
    await apps.post(`/groups/${groupId}/members`, { userId: 'ann' }, 0);
    expect(await apps.post(`/groups/${groupId}/members`, { userId: 'ann' }, 1)).toMatchObject({
      status: 201,
    });
    expect(await apps.post(`/groups/${groupId}/members`, { userId: 'bob' }, 0)).toMatchObject({
      status: 409,
    });
    await apps.delete(`/groups/${groupId}/members/ann`, 1);
    expect(await apps.post(`/groups/${groupId}/members`, { userId: 'bob' }, 0)).toMatchObject({
      status: 201,
    });
  });

  it('tell the groups of a user', async () => {
    apps = await SampleApps.start({ count: 2, redisUrl: redis.url });
    const groupId = await create('Chess');
    await create('Empty');
    await apps.post(`/groups/${groupId}/members`, { userId: 'ann' });
    expect((await apps.get('/users/ann/groups', 1)).body).toMatchObject([{ groupId, name: 'Chess' }]);
    expect((await apps.get('/users/bob/groups', 1)).body).toEqual([]);
  });

  it('show who holds the lock of a group while a slow change runs, and pass it on afterwards', async () => {
    apps = await SampleApps.start({ count: 2, redisUrl: redis.url });
    const groupId = await create();
    expect((await apps.get(`/groups/${groupId}/lock`)).body).toMatchObject({
      held: false,
      fencingToken: null,
    });
    const importing = apps.post(`/groups/${groupId}/import`, { userIds: ['ann', 'bob'], workMs: 300 }, 0);
    while ((await apps.get(`/groups/${groupId}/lock`, 1)).body['held'] !== true);
    const joined = await apps.post(`/groups/${groupId}/members`, { userId: 'cleo' }, 1);
    expect(await importing).toMatchObject({ status: 200, body: { members: ['ann', 'bob'] } });
    expect(joined.body['members']).toEqual(['ann', 'bob', 'cleo']);
  });

  it('say that there is no such group', async () => {
    apps = await SampleApps.start({ redisUrl: redis.url });
    const unknown = await apps.post('/groups/nowhere/members', { userId: 'ann' });
    expect(unknown).toMatchObject({ status: 404, body: { code: 'GROUP_UNKNOWN' } });
  });
});
