import type { SampleConfig } from '../config.js';

/** What `GET /` shows: three stories that can be pasted into a terminal. */
export function frontPage(config: Pick<SampleConfig, 'redisUrl' | 'unlocked'>, url: string): string {
  const shared = config.redisUrl !== undefined;
  return `nestjs-distributed-lock: the sample app, instant messaging over HTTP

locks and state: ${shared ? 'Redis' : 'in memory (set REDIS_URL to share them between processes)'}
without a lock:  ${[...config.unlocked].join(', ') || 'none (UNLOCKED=presence,groups,messages shows what breaks)'}
all routes:      ${url}/docs

1. Presence: which of a user's devices are online, and where (LockService.using)

   ${post(`${url}/presence/ann/devices`, '{"deviceId":"phone","gatewayId":"gw-1"}')}
   curl -s ${url}/presence/ann
   curl -s -X DELETE ${url}/presence/ann/devices/phone

2. Groups: a unique name, a limited number of seats (@Locked on the controller)

   GROUP=$(${post(`${url}/groups`, '{"name":"Book Club","seats":1}')} | ${pick('groupId')})
   ${post(`${url}/groups/$GROUP/members`, '{"userId":"ann"}')}
   ${post(`${url}/groups/$GROUP/members`, '{"userId":"bob"}')}
   curl -s ${url}/users/ann/groups

3. Messages: sent twice, stored once (@Locked on the service)

   ${post(`${url}/messages`, '{"senderId":"ann","clientMessageId":"m-1","toUserId":"bob","text":"hello"}')}
   MESSAGE=$(curl -s ${url}/users/bob/messages | ${pick('messageId')})
   ${post(`${url}/users/bob/messages/acknowledge`, `{"messageIds":["'$MESSAGE'"]}`)}
`;
}

function post(address: string, json: string): string {
  return `curl -s ${address} -H 'content-type: application/json' -d '${json}'`;
}

/** A shell command that takes one text field out of JSON; not everybody has jq. */
function pick(field: string): string {
  return `sed 's/.*"${field}":"\\([^"]*\\)".*/\\1/'`;
}
