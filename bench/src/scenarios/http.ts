import type { Client } from 'autocannon';

import type { AdapterId } from '../adapters/index.js';
import { nowMs } from '../child/clock.js';
import { role } from '../child/role.js';
import { formatNumber } from '../report/format.js';
import { MeasuredProcess, runAlone } from '../run/measured-process.js';
import { failure, type Outcome, outcomeOf, type Values } from '../run/outcome.js';
import type { HttpLock, Platform } from './http-app.js';
import type { InTurns, Measuring } from './scenario.js';

const PLATFORMS = [
  ['express', 'Express'],
  ['fastify', 'Fastify'],
] as const;
const CONNECTIONS = 50;
/** Names of its own for each connection, in turn, so that nobody waits for anybody. */
const NAMES_PER_CONNECTION = 20;
/** Requests to each application until its code is compiled. */
const WARM_UP = 6_000;
/** The applications take turns, with so many requests each time. */
const TURNS = 5;
const REQUESTS = 2_500;
const FOR_ONE_NAME = 2_000;
const SERVER_BOUND_MS = 120_000;
const LOAD_BOUND_MS = 110_000;

const LOCKS: ReadonlySet<string> = new Set<HttpLock>(['none', 'floor', 'ours', 'ours-sent', 'broken']);

interface Serving {
  readonly platform: Platform;
  readonly lock: HttpLock;
}

const server = role('http-server', async (place, { platform, lock }: Serving) => {
  const { startHttpApp } = await import('./http-app.js');
  const app = await startHttpApp(place.url, platform, lock);
  await place.start(app.port); // serves until it is told to «start», which here is the end
  app.check();
});

interface Load {
  readonly apps: readonly { readonly port: number; readonly isLocked: boolean }[];
  readonly turns: number;
}

/** What one application did. */
interface Served {
  requests: number;
  seconds: number;
  cpuUs: number;
  oneNamePerSecond: number;
}

type PathOf = (connection: number, name: number) => string;
const DISTINCT: PathOf = (connection, name) => `/items/${connection}-${name}`;
const ONE_NAME: PathOf = () => '/items/the-one';

async function shoot(
  url: string,
  amount: number,
  pathOf: PathOf,
): Promise<{ requests: number; seconds: number }> {
  const { default: autocannon } = await import('autocannon');
  let clients = 0;
  const setupClient = (client: Client): void => {
    const connection = clients++;
    const paths = Array.from({ length: NAMES_PER_CONNECTION }, (_, name) => pathOf(connection, name));
    client.setRequests(paths.map((path) => ({ method: 'GET', path })));
  };
  const shooting = autocannon({ url, connections: CONNECTIONS, amount, setupClient, sampleInt: 10 });
  let [firstMs, lastMs] = [0, 0]; // its own times are in whole samples
  shooting.on('response', () => {
    lastMs = nowMs();
    firstMs ||= lastMs;
  });
  const { requests, errors, non2xx } = await shooting;
  if (errors + non2xx > 0) throw new Error(`${errors} errors and ${non2xx} refusals`);
  return { requests: requests.total, seconds: (lastMs - firstMs) / 1e3 };
}

async function cpuUsOf(url: string): Promise<number> {
  const answer = await fetch(`${url}/cpu`);
  return ((await answer.json()) as { us: number }).us;
}

/** The load comes from a process of its own, so that it shares no event loop with those it measures. */
const load = role('http-load', async (place, { apps, turns }: Load): Promise<Served[]> => {
  await place.start();
  const all = apps.map(({ port, isLocked }) => ({
    isLocked,
    url: `http://127.0.0.1:${port}`,
    served: { requests: 0, seconds: 0, cpuUs: 0, oneNamePerSecond: NaN },
  }));
  for (const { url } of all) await shoot(url, WARM_UP, DISTINCT);
  for (let turn = 0; turn < turns; turn++) {
    for (const { url, served } of all) {
      const before = await cpuUsOf(url);
      const { requests, seconds } = await shoot(url, REQUESTS, DISTINCT);
      served.cpuUs += (await cpuUsOf(url)) - before;
      served.requests += requests;
      served.seconds += seconds;
    }
  }
  for (const { url, served } of all.filter(({ isLocked }) => isLocked)) {
    const { requests, seconds } = await shoot(url, FOR_ONE_NAME, ONE_NAME);
    served.oneNamePerSecond = requests / seconds;
  }
  return all.map(({ served }) => served);
});

interface App {
  readonly id: AdapterId;
  readonly process: MeasuredProcess<Serving, void>;
  readonly port: number;
}

/** Of each row; a row whose application does not start has that as its outcome, and the others go on. */
async function measureOn(
  platform: Platform,
  ids: readonly AdapterId[],
  { inProcess, count }: Measuring,
): Promise<Map<AdapterId, Outcome>> {
  const found = new Map<AdapterId, Outcome>();
  const apps: App[] = [];
  const started: App['process'][] = [];
  try {
    for (const id of ids) {
      const app = new MeasuredProcess(server, { platform, lock: id as HttpLock }, inProcess(SERVER_BOUND_MS));
      started.push(app);
      await app.ready().then(
        (port) => apps.push({ id, process: app, port: port as number }),
        (error: unknown) => found.set(id, failure(error)),
      );
    }
    const targets = apps.map(({ id, port }) => ({ port, isLocked: id !== 'none' }));
    const params = { apps: targets, turns: count(TURNS) };
    const served = await runAlone(load, params, inProcess(LOAD_BOUND_MS));
    for (const [index, app] of apps.entries()) {
      const outcome = await outcomeOf(async () => {
        await app.process.result();
        return valuesOf(platform, served[index]);
      });
      found.set(app.id, outcome);
    }
    return found;
  } finally {
    await Promise.all(started.map((app) => app.end()));
  }
}

function valuesOf(platform: Platform, served: Served | undefined): Values {
  if (served === undefined) throw new Error('got no load');
  const { requests, seconds, cpuUs, oneNamePerSecond } = served;
  return {
    [`${platform}PerSecond`]: requests / seconds,
    [`${platform}CpuUs`]: cpuUs / requests,
    [`${platform}OneName`]: oneNamePerSecond,
  };
}

/** The values of both platforms, or the first thing that went wrong. */
function merge(outcomes: readonly Outcome[]): Outcome {
  const values: Record<string, number> = {};
  for (const outcome of outcomes) {
    if (outcome.kind !== 'measured') return outcome;
    Object.assign(values, outcome.values);
  }
  return { kind: 'measured', values };
}

export const http: InTurns = {
  id: 'http',
  title: 'HTTP: a Nest handler without a lock, with a lock written by hand in an interceptor, with @Locked',
  how:
    `An application for each, under load from autocannon with ${CONNECTIONS} connections in a process of its own: they take ${TURNS} turns of ` +
    `${formatNumber(REQUESTS, 0)} requests, after ${formatNumber(WARM_UP, 0)} that warm up; every connection asks for names of its own, or all of them for one name. CPU: ` +
    'processor time of the application per request. Checked: no two handlers at once for the one name, and of every 256th request that its ' +
    'name is locked in Redis.',
  columns: PLATFORMS.flatMap(([platform, title]) => [
    { key: `${platform}PerSecond`, title: `${title}: requests/s`, digits: 0, better: 'more' as const },
    { key: `${platform}CpuUs`, title: 'CPU µs', digits: 0, better: 'less' as const },
    { key: `${platform}OneName`, title: 'one name: requests/s', digits: 0, better: 'more' as const },
  ]),
  ratios: PLATFORMS.map(([platform, title]) => ({
    of: `${platform}CpuUs`,
    to: 'floor',
    title: `${title}: CPU ÷ by hand`,
    as: 'quotient',
  })),
  takesPart: ({ id }) => LOCKS.has(id),
  async measureInTurns(measuring, ids) {
    const found: Map<AdapterId, Outcome>[] = [];
    for (const [platform] of PLATFORMS) found.push(await measureOn(platform, ids, measuring));
    return new Map(ids.map((id) => [id, merge(found.flatMap((each) => each.get(id) ?? []))]));
  },
};
