import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type RedisServer, startRedis } from '../support/start-redis.js';
import { type Answer, SampleApps, times } from './sample-apps.js';

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

describe('messages, at two instances', () => {
  let apps: SampleApps;
  afterEach(() => apps.stop());

  const hello = { senderId: 'ann', clientMessageId: 'm-1', toUserId: 'bob', text: 'hello' };
  /** As a client that got no answer and asks again, here and there. */
  const sendAtOnce = () => Promise.all(times(6, (n) => apps.post('/messages', hello, n)));
  const inbox = async (userId = 'bob') =>
    (await apps.get(`/users/${userId}/messages`)).body as unknown as Answer['body'][];

  it('store a message once that is sent to both at once, and answer all alike', async () => {
    apps = await SampleApps.start({ count: 2, redisUrl: redis.url });
    const answers = await sendAtOnce();
    expect(answers[0]).toMatchObject({ status: 201, body: { ...hello, messageId: expect.any(String) } });
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect(await inbox()).toEqual([answers[0]?.body]);
  });

  it('store it several times without the lock, which is what the lock is for', async () => {
    apps = await SampleApps.start({ count: 2, redisUrl: redis.url, unlocked: ['messages'] });
    await sendAtOnce();
    expect((await inbox()).length).toBeGreaterThan(1);
  });

  it('answer a repeat as before, even when the message was acknowledged meanwhile, and do not deliver it again', async () => {
    apps = await SampleApps.start({ count: 2, redisUrl: redis.url });
    const first = await apps.post('/messages', hello, 0);
    await apps.post('/users/bob/messages/acknowledge', { messageIds: [first.body['messageId']] }, 1);
    expect(await apps.post('/messages', hello, 1)).toEqual(first);
    expect(await inbox()).toEqual([]);
  });

  it('refuse the same client message id for another text', async () => {
    apps = await SampleApps.start({ count: 2, redisUrl: redis.url });
    await apps.post('/messages', hello);
    const other = await apps.post('/messages', { ...hello, text: 'bye' }, 1);
    expect(other).toMatchObject({ status: 409, body: { code: 'CLIENT_MESSAGE_ID_REUSED' } });
  });

  it('wait for a user in the order of sending until they are acknowledged, each counted for one device only', async () => {
    apps = await SampleApps.start({ count: 2, redisUrl: redis.url });
    for (const n of times(3, (i) => i))
      await apps.post('/messages', { ...hello, clientMessageId: `m-${n}`, text: `${n}` }, n);
    const waiting = await inbox();
    expect(waiting.map((message) => message['text'])).toEqual(['0', '1', '2']);
    const messageIds = waiting.slice(0, 2).map((message) => message['messageId']);
    const both = await Promise.all(
      times(2, (n) => apps.post('/users/bob/messages/acknowledge', { messageIds }, n)),
    );
    const counted = both.flatMap((answer) => answer.body['acknowledged']);
    expect(counted).toHaveLength(2);
    expect(new Set(counted)).toEqual(new Set(messageIds));
    expect((await inbox()).map((message) => message['text'])).toEqual(['2']);
  });

  it('reach every other member of a group, and only a member may send', async () => {
    apps = await SampleApps.start({ count: 2, redisUrl: redis.url });
    const groupId = String((await apps.post('/groups', { name: 'team', seats: 3 })).body['groupId']);
    for (const userId of ['ann', 'bob', 'cleo']) await apps.post(`/groups/${groupId}/members`, { userId });
    const { toUserId: _, ...rest } = hello;
    const toGroup = { ...rest, toGroupId: groupId };
    const sent = await apps.post('/messages', toGroup);
    expect(await inbox('bob')).toEqual([sent.body]);
    expect(await inbox('cleo')).toEqual([sent.body]);
    expect(await inbox('ann')).toEqual([]);
    const stranger = await apps.post('/messages', { ...toGroup, senderId: 'dave' });
    expect(stranger).toMatchObject({ status: 403, body: { code: 'NOT_A_MEMBER' } });
  });
});
