import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { get } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { LockManager, redisStore } from '../../../lib/index.js';
import { killWhenWeAreGone } from '../../support/reaper.js';
import { type RedisServer, startRedis } from '../../support/start-redis.js';
import { always, type CellRun, type FaultCell, inRow, NOTHING } from './fault-cell.js';

const DRAIN_MS = 500;
const LEASE_MS = 1_000;
const START_WITHIN_MS = 30_000;

interface Shutdown {
  readonly name: string;
  /** Does the request under the lock finish within drainMs? */
  readonly finishes: boolean;
  /** It may take so much longer than `drainMs` to be gone. */
  readonly graceMs: number;
  end(app: NestApp, server: RedisServer): Promise<void>;
}

const SHUTDOWNS: readonly Shutdown[] = [
  {
    name: 'SIGTERM: the holder finishes in time',
    finishes: true,
    graceMs: 1_000,
    end: async (app) => {
      app.terminate();
      await sleep(100);
      app.finish();
    },
  },
  {
    name: 'SIGTERM: the holder outlasts drainMs',
    finishes: false,
    graceMs: 1_000,
    end: async (app) => app.terminate(),
  },
  {
    name: 'SIGTERM twice',
    finishes: false,
    graceMs: 1_000,
    end: async (app) => {
      app.terminate();
      await sleep(50);
      app.terminate();
    },
  },
  {
    name: 'SIGTERM while Redis is frozen',
    finishes: false,
    graceMs: 2_000, // three commands of 300 ms that nobody answers
    end: async (app, server) => {
      server.freeze();
      app.terminate();
      await app.exited;
      server.thaw();
    },
  },
];

/** Row 18: an application that is told to end gives its locks away, turns waiters away, and is gone in time. */
export const nestCells: readonly FaultCell[] = SHUTDOWNS.map((shutdown) => ({
  row: 18,
  name: shutdown.name,
  exclusive: true,
  missing: always,
  strike: undefined,
  run: () => runShutdown(shutdown),
}));

async function runShutdown(shutdown: Shutdown): Promise<CellRun> {
  const server = await startRedis();
  const app = new NestApp(server.url);
  const locks = new LockManager({ store: redisStore({ url: server.url }), waitMs: 10_000, keepMs: 300 });
  const raw = new Redis(server.url);
  try {
    await Promise.all([app.started, locks.ready()]);
    return await endIt({ shutdown, server, app, locks, raw });
  } finally {
    app.kill();
    await locks.close();
    raw.disconnect();
    await server.stop();
  }
}

interface Scene {
  readonly shutdown: Shutdown;
  readonly server: RedisServer;
  readonly app: NestApp;
  readonly locks: LockManager;
  readonly raw: Redis;
}

async function endIt({ shutdown, server, app, locks, raw }: Scene): Promise<CellRun> {
  const wrong: string[] = [];
  const holder = app.get('hold');
  await app.said('holding');
  const turnedAway = app.get('hold');
  while ((await app.get('waiting')).body !== '1') await sleep(5);
  const startedAtMs = performance.now();
  const next = locks.acquire('item');
  await Promise.all([shutdown.end(app, server), app.exited]);
  const exitMs = performance.now() - startedAtMs;
  if (exitMs > DRAIN_MS + shutdown.graceMs) wrong.push(`it was gone only after ${exitMs.toFixed(0)} ms`);

  const { status, body } = await turnedAway;
  if (status !== 503 || !body.includes('LOCK_CLOSED'))
    wrong.push(`the waiting request got ${status} ${body}`);
  const served = await holder;
  if (shutdown.finishes && served.body !== 'done')
    wrong.push(`the holder in time got ${served.status} ${served.body}`);

  const lease = await next;
  const waitedMs = performance.now() - startedAtMs;
  // Given away at the shutdown, not run out; unless nobody could hear of it.
  if (shutdown.graceMs <= 1_000 && waitedMs > exitMs + LEASE_MS / 2)
    wrong.push(`the next holder waited ${waitedMs} ms`);
  await lease.release();
  await sleep(400); // keepMs
  const left = await raw.keys('lock:*');
  if (left.length > 0) wrong.push(`left in the store: ${left.join(', ')}`);
  return { violations: inRow(wrong), measures: { ...NOTHING, acquisitions: 2, worstWaitMs: waitedMs } };
}

class NestApp {
  readonly started: Promise<void>;
  readonly exited: Promise<unknown>;
  readonly #child: ChildProcess;
  readonly #cancelReaper: () => void;
  #port = '';

  constructor(redisUrl: string) {
    const run = new URL('../../support/run-typescript.mjs', import.meta.url).href;
    const script = new URL('nest-app.child.ts', import.meta.url).pathname;
    this.#child = spawn(process.execPath, ['--import', run, script], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { ...process.env, REDIS_URL: redisUrl, DRAIN_MS: String(DRAIN_MS) },
    });
    this.#cancelReaper = killWhenWeAreGone(this.#child.pid!);
    this.exited = once(this.#child, 'exit');
    this.started = this.said('listening').then((message) => void (this.#port = message.split(' ')[1] ?? ''));
  }

  async said(word: string): Promise<string> {
    const late = AbortSignal.timeout(START_WITHIN_MS);
    for (;;) {
      const [message] = (await once(this.#child, 'message', { signal: late })) as [string];
      if (message.startsWith(word)) return message;
    }
  }

  /** The work under the lock is done. */
  finish(): void {
    this.#child.send('finish');
  }

  terminate(): void {
    this.#child.kill('SIGTERM');
  }

  kill(): void {
    this.#cancelReaper();
    this.#child.kill('SIGKILL');
  }

  /** Never rejects: a connection that was cut at the end of the application is an answer, too. */
  get(path: string): Promise<{ status: number; body: string }> {
    return new Promise((resolve) => {
      get(`http://127.0.0.1:${this.#port}/${path}`, { agent: false }, (answer) => {
        const status = answer.statusCode ?? 0;
        text(answer).then(
          (body) => resolve({ status, body }),
          () => resolve({ status, body: 'cut' }),
        );
      }).on('error', (error) => resolve({ status: 0, body: error.message }));
    });
  }
}
