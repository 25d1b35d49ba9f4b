import type { Client } from 'autocannon';

import { role } from '../child/role.js';
import { MeasuredProcess, runAlone } from '../run/measured-process.js';
import type { Platform } from './http-app.js';
import type { Measuring, Scenario } from './scenario.js';

const CONNECTIONS = 50;
/** Names of its own for each connection, in turn, so that nobody waits for anybody. */
const NAMES_PER_CONNECTION = 20;
const WARM_UP_SECONDS = 1;
const SERVER_BOUND_MS = 30_000;
const LOAD_BOUND_MS = 20_000;
const PLATFORMS = ['express', 'fastify'] as const;

const server = role('http-server', async (place, { platform }: { platform: Platform }) => {
  const { startHttpApp } = await import('./http-app.js');
  const app = await startHttpApp(platform, place.url);
  await place.start(app.port); // serves until it is told to «start», which here is the end
  app.check();
});

interface Load {
  readonly port: number;
  readonly route: string;
  /** All requests for one name, or each connection for names of its own. */
  readonly isOneName: boolean;
  readonly seconds: number;
}

/** The load comes from a process of its own, so that the two do not share an event loop. */
const load = role('http-load', async (place, { port, route, isOneName, seconds }: Load) => {
  const { default: autocannon } = await import('autocannon');
  await place.start();
  let clients = 0;
  const pathsOf = (client: number): string[] =>
    isOneName ? ['the-one'] : Array.from({ length: NAMES_PER_CONNECTION }, (_, name) => `${client}-${name}`);
  const setupClient = (client: Client): void => {
    client.setRequests(pathsOf(clients++).map((path) => ({ method: 'GET', path: `/${route}/${path}` })));
  };
  const shoot = (duration: number): ReturnType<typeof autocannon> =>
    autocannon({ url: `http://127.0.0.1:${port}`, connections: CONNECTIONS, duration, setupClient });
  await shoot(WARM_UP_SECONDS);
  const { requests: answered, duration, errors, non2xx } = await shoot(seconds);
  if (errors + non2xx > 0) throw new Error(`${errors} errors and ${non2xx} refusals`);
  return { requestsPerSecond: answered.total / duration };
});

async function measureOn(
  platform: Platform,
  { id, inProcess, ms }: Measuring,
): Promise<Record<string, number>> {
  const app = new MeasuredProcess(server, { platform }, inProcess(SERVER_BOUND_MS));
  try {
    const port = (await app.ready()) as number;
    const seconds = Math.max(1, Math.round(ms(2_000) / 1e3));
    const shoot = async (route: string, isOneName: boolean): Promise<number> => {
      const params = { port, route, isOneName, seconds };
      return (await runAlone(load, params, inProcess(LOAD_BOUND_MS))).requestsPerSecond;
    };
    const route = id === 'broken' ? 'unlocked' : 'locked';
    const plain = await shoot('plain', false);
    const distinct = await shoot(route, false);
    const one = await shoot(route, true);
    await app.result();
    return {
      [`${platform}Plain`]: plain,
      [`${platform}Distinct`]: distinct,
      [`${platform}Ratio`]: distinct / plain,
      [`${platform}One`]: one,
    };
  } finally {
    await app.end();
  }
}

export const http: Scenario = {
  id: 'http',
  title: 'HTTP: a Nest handler with and without @Locked',
  how:
    `Requests per second from autocannon with ${CONNECTIONS} connections, in a process of its own. Checked: no two handlers at once for the ` +
    'one name, and of every 256th request that its name is locked in Redis.',
  columns: PLATFORMS.flatMap((platform) => {
    const title = platform === 'express' ? 'Express' : 'Fastify';
    return [
      { key: `${platform}Plain`, title: `${title}: without`, digits: 0 },
      { key: `${platform}Distinct`, title: 'distinct names', digits: 0 },
      { key: `${platform}Ratio`, title: '× without', digits: 2 },
      { key: `${platform}One`, title: 'one name', digits: 0 },
    ];
  }),
  takesPart: ({ id }) => id === 'ours' || id === 'broken',
  async measure(measuring) {
    const values = [];
    for (const platform of PLATFORMS) values.push(await measureOn(platform, measuring));
    return Object.assign({}, ...values) as Record<string, number>;
  },
};
