import type { Histogram } from 'hdr-histogram-js';
import type { AppProcess } from './app-process.js';
import {
  type Answer,
  get,
  microseconds,
  millisecondHistogram,
  post,
  type Request,
  Traffic,
} from './traffic.js';

/** What went wrong for the clients of one round. With the lock every number is 0. */
export interface Damage {
  readonly namesGivenTwice: number;
  readonly seatsOversold: number;
  readonly duplicateMessages: number;
  readonly answersThatDiffer: number;
  readonly lostPresenceUpdates: number;
}

export interface Round {
  readonly requests: number;
  readonly failures: number;
  readonly damage: Damage;
  /** As the client saw it, waiting included. */
  readonly latencyMs: Histogram;
  /** What the leases say of themselves; empty without locks. */
  readonly lockWaitMs: Histogram;
}

const GROUPS = 20;
const SEATS = 5;
const JOINS_PER_GROUP = 40;
const USER_MESSAGES = 200;
const GROUP_MESSAGES = 100;
const TEAM = ['team-1', 'team-2', 'team-3', 'team-4'];
const USERS = 30;
const DEVICES = 24;

/** All three stories, fired at both processes; about 2 160 requests that change something. `run` keeps two rounds apart. */
export async function playRound(apps: readonly [AppProcess, AppProcess], run: string): Promise<Round> {
  const traffic = new Traffic(apps);
  for (const app of apps) await post(`${app.url}/lock-waits/take`, {});
  const groups = await createGroups(traffic, run);
  const seatsOversold = await sellSeats(traffic, groups.ids, run);
  const messages = await sendMessages(traffic, groups.ids[0] as string, run);
  const lostPresenceUpdates = await comeOnline(traffic, run);

  const { requests, failures, latencyMs } = traffic;
  const damage = { namesGivenTwice: groups.namesGivenTwice, seatsOversold, ...messages, lostPresenceUpdates };
  return { requests, failures, latencyMs, damage, lockWaitMs: await takeLockWaits(apps) };
}

/** Every name is asked for at both processes at once. */
async function createGroups(
  traffic: Traffic,
  run: string,
): Promise<{ ids: string[]; namesGivenTwice: number }> {
  const body = (n: number) => ({ name: `${run} group ${n}`, seats: n === 0 ? TEAM.length : SEATS });
  const answers = await traffic.fire(pairs(GROUPS + 1, (n) => ({ path: '/groups', body: body(n) })));
  const created = answers.filter((answer) => answer.status === 201);
  const firstOfName = new Map(created.map(({ body: group }) => [group['name'], String(group['groupId'])]));
  return { ids: [...firstOfName.values()], namesGivenTwice: created.length - firstOfName.size };
}

/** A seat is sold when a client was told 201, whatever the group's row says afterwards. */
async function sellSeats(
  traffic: Traffic,
  [team, ...groupIds]: readonly string[],
  run: string,
): Promise<number> {
  const teamUrl = `${traffic.apps[0].url}/groups/${team}/members`;
  for (const userId of TEAM) await post(teamUrl, { userId });
  const joins = groupIds.flatMap((groupId) =>
    times(JOINS_PER_GROUP, (n) => ({
      path: `/groups/${groupId}/members`,
      body: { userId: `${run}-joiner-${n}` },
    })),
  );
  const answers = await traffic.fire(joins);
  const sold = new Map<string, number>();
  for (const [n, answer] of answers.entries()) {
    const { path } = joins[n] as Request;
    if (answer.status === 201) sold.set(path, (sold.get(path) ?? 0) + 1);
  }
  return sum([...sold.values()].map((seats) => Math.max(0, seats - SEATS)));
}

/** Every message is sent to both processes at once, as by a client that got no answer and asks again. */
async function sendMessages(
  traffic: Traffic,
  team: string,
  run: string,
): Promise<Pick<Damage, 'duplicateMessages' | 'answersThatDiffer'>> {
  const readers = times(20, (n) => `${run}-reader-${n}`);
  const message = (n: number) => {
    const to = n < GROUP_MESSAGES ? { toGroupId: team } : { toUserId: readers[n % readers.length] };
    return { senderId: TEAM[0], clientMessageId: `${run}-${n}`, text: `message ${n}`, ...to };
  };
  const count = USER_MESSAGES + GROUP_MESSAGES;
  const answers = await traffic.fire(pairs(count, (n) => ({ path: '/messages', body: message(n) })));

  const inboxes = await Promise.all(
    [...readers, ...TEAM].map((userId) =>
      get<{ messageId: string; clientMessageId: string }[]>(
        `${traffic.apps[1].url}/users/${userId}/messages`,
      ),
    ),
  );
  const received = inboxes.flat().filter(({ clientMessageId }) => clientMessageId.startsWith(run));
  const stored = new Set(received.map(({ messageId }) => messageId)).size;
  const sent = new Set(received.map(({ clientMessageId }) => clientMessageId)).size;
  if (sent !== count) throw new Error(`${count - sent} messages did not arrive at all`);
  const differ = times(count, (n) => (sameAnswer(answers[2 * n], answers[2 * n + 1]) ? 0 : 1));
  return { duplicateMessages: stored - sent, answersThatDiffer: sum(differ) };
}

/** All devices of a user come online at once, at both processes; each was told that it is online. */
async function comeOnline(traffic: Traffic, run: string): Promise<number> {
  const users = times(USERS, (n) => `${run}-user-${n}`);
  const binds = users.flatMap((userId) =>
    times(DEVICES, (n) => ({
      path: `/presence/${userId}/devices`,
      body: { deviceId: `d-${n}`, gatewayId: `gw-${n % 3}` },
    })),
  );
  const answers = await traffic.fire(binds);
  const bound = answers.filter((answer) => answer.status === 201).length;
  const found = await Promise.all(
    users.map((userId) => get<{ devices: unknown[] }>(`${traffic.apps[0].url}/presence/${userId}`)),
  );
  return bound - sum(found.map((presence) => presence.devices.length));
}

async function takeLockWaits(apps: readonly AppProcess[]): Promise<Histogram> {
  const histogram = millisecondHistogram();
  for (const app of apps) {
    const { body } = await post(`${app.url}/lock-waits/take`, {});
    for (const waitedMs of body['waitsMs'] as number[]) histogram.recordValue(microseconds(waitedMs));
  }
  return histogram;
}

function sameAnswer(one: Answer | undefined, other: Answer | undefined): boolean {
  return one?.status === other?.status && JSON.stringify(one?.body) === JSON.stringify(other?.body);
}

/** Each request twice in a row, so that one goes to either process. */
function pairs(count: number, request: (n: number) => Request): Request[] {
  return times(count, request).flatMap((one) => [one, one]);
}

function times<T>(count: number, make: (n: number) => T): T[] {
  return Array.from({ length: count }, (_, n) => make(n));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
