import type { SampleConfig } from '../config.js';

/** What `GET /` shows: three stories that can be pasted into a terminal. */
export function frontPage(config: Pick<SampleConfig, 'redisUrl' | 'unlocked'>, url: string): string {
  const post = (path: string, body: object) =>
    `curl -s ${url}${path} -H 'content-type: application/json' -d '${JSON.stringify(body)}'`;
  return `nestjs-distributed-lock: the sample app, instant messaging over HTTP

locks and state: ${config.redisUrl === undefined ? 'in memory (set REDIS_URL to share them between processes)' : 'Redis'}
without a lock:  ${[...config.unlocked].join(', ') || 'none (UNLOCKED=presence,groups,messages shows what breaks)'}
all routes:      ${url}/docs

1. Presence: which of a user's devices are online, and where (LockService.using)

   ${post('/presence/ann/devices', { deviceId: 'phone', gatewayId: 'gw-1' })}
   curl -s ${url}/presence/ann
   curl -s -X DELETE ${url}/presence/ann/devices/phone

2. Groups: a unique name, a limited number of seats (@Locked on the controller)

   GROUP=$(${post('/groups', { name: 'Book Club', seats: 1 })} | sed 's/.*"groupId":"\\([^"]*\\)".*/\\1/')
   ${post('/groups/$GROUP/members', { userId: 'ann' }).replace(`${url}/groups/$GROUP/members`, `"${url}/groups/$GROUP/members"`)}
   curl -s ${url}/users/ann/groups

3. Messages: sent twice, stored once (@Locked on the service)

   ${post('/messages', { senderId: 'ann', clientMessageId: 'm-1', toUserId: 'bob', text: 'hello' })}
   curl -s ${url}/users/bob/messages
   ${post('/users/bob/messages/acknowledge', { messageIds: ['<messageId>'] })}
`;
}
