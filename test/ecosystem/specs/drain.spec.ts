import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { get } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { startRedis, type RedisServer } from '../support/start-redis.js';

type Adapter = 'express' | 'fastify';
interface Load {
  adapter: Adapter;
  /** How long each section goes on after the signal. */
  workMs?: number;
  drainMs?: number;
  forceCloseConnections?: boolean;
}

/** 50 requests hold a lock each, 50 more wait behind them; then the process is told to end. */
const REQUESTS = 100;
const ITEMS = 50;

describe.each<Adapter>(['express', 'fastify'])('SIGTERM under load, on %s', (adapter) => {
  let redis: RedisServer;

  beforeAll(async () => {
    redis = await startRedis();
  });

  afterAll(async () => {
    await redis.stop();
  });

  async function loaded({
    workMs = 1_000,
    drainMs = 10_000,
    forceCloseConnections = false,
  }: Omit<Load, 'adapter'>) {
    const app = await Application.start(redis.url, { adapter, workMs, drainMs, forceCloseConnections });
    const answers = Array.from({ length: REQUESTS }, (_, at) => answerOf(`${app.url}/buy/${at % ITEMS}`));
    // What lies in the listen queue of the system when a server closes is cut off, whatever runs in it.
    await Promise.all([app.said('inside', ITEMS), app.said('arrived', REQUESTS)]);
    return { app, answers };
  }

  /** `200 200 … 503` as counts. */
  async function counted(answers: Promise<number | string>[]): Promise<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const answer of await Promise.all(answers)) counts[answer] = (counts[answer] ?? 0) + 1;
    return counts;
  }

  async function leftInRedis(): Promise<string[]> {
    const client = new Redis(redis.url);
    const keys = await client.keys('*');
    // A trace of a clean release begins with `f`; whatever else is there is a lock or a queue.
    const held: string[] = [];
    for (const key of keys) {
      const isQueue = (await client.type(key)) !== 'string';
      if (isQueue || !((await client.get(key)) ?? '').startsWith('f')) held.push(key);
    }
    client.disconnect();
    return held;
  }

  it('lets every holder finish with 200, turns every waiter away with 503, and leaves no lock', async () => {
    const { app, answers } = await loaded({});
    app.signal('SIGTERM');
    expect(await counted(answers)).toEqual({ 200: ITEMS, 503: REQUESTS - ITEMS });
    await app.ended();
    expect(app.lost).toEqual([]);
    expect(await leftInRedis()).toEqual([]);
  });

  it('does the same when the signal comes twice', async () => {
    const { app, answers } = await loaded({});
    app.signal('SIGTERM');
    app.signal('SIGTERM');
    const counts = await counted(answers);
    await app.ended();
    expect({ counts, lost: app.lost, left: await leftInRedis() }).toMatchObject({ lost: [], left: [] });
    expect(counts).toEqual({ 200: ITEMS, 503: REQUESTS - ITEMS });
  });

  it('waits for the sections whose clients were cut off by forceCloseConnections, and leaves no lock', async () => {
    const { app, answers } = await loaded({ forceCloseConnections: true });
    app.signal('SIGTERM');
    const counts = await counted(answers);
    expect(counts['200'] ?? 0).toBe(0);
    await app.ended();
    expect(app.lost).toEqual([]);
    expect(await leftInRedis()).toEqual([]);
  });

  it('ends leases that outlast drainMs before it gives the locks away', async () => {
    const { app, answers } = await loaded({ workMs: 60_000, drainMs: 300, forceCloseConnections: true });
    app.signal('SIGTERM');
    await counted(answers);
    await app.ended();
    expect(app.lost).toEqual(Array(ITEMS).fill('shutdown'));
    expect(await leftInRedis()).toEqual([]);
  });
});

class Application {
  readonly lost: string[] = [];
  readonly #said = new Map<string, unknown>();
  readonly #listeners = new Set<() => void>();
  #stderr = '';

  private constructor(private readonly child: ChildProcess) {
    const lines = createInterface({ input: child.stdout! });
    lines.on('line', (line) => {
      const [word = '', ...rest] = line.split(' ');
      const value: unknown = JSON.parse(rest.join(' '));
      if (word === 'lost') this.lost.push(value as string);
      this.#said.set(word, value);
      for (const listener of this.#listeners) listener();
    });
    child.stderr!.on('data', (chunk: Buffer) => (this.#stderr += chunk.toString()));
  }

  static async start(redisUrl: string, load: Required<Load>): Promise<Application> {
    const env = {
      ...process.env,
      ADAPTER: load.adapter,
      REDIS_URL: redisUrl,
      WORK_MS: String(load.workMs),
      DRAIN_MS: String(load.drainMs),
      FORCE_CLOSE: load.forceCloseConnections ? 'yes' : 'no',
    };
    const file = join(process.cwd(), 'support/drain-app.child.mjs');
    const app = new Application(spawn(process.execPath, [file], { env, stdio: ['ignore', 'pipe', 'pipe'] }));
    await app.said('listening');
    return app;
  }

  get url(): string {
    return this.#said.get('listening') as string;
  }

  /** Resolves when it has said the word, with this value if one is given. */
  async said(word: string, value?: unknown): Promise<void> {
    const isSaid = () => (value === undefined ? this.#said.has(word) : this.#said.get(word) === value);
    await new Promise<void>((resolve, reject) => {
      const check = (): void => {
        if (isSaid()) resolve();
      };
      this.#listeners.add(check);
      this.child.once('exit', () => reject(new Error(`it ended before it said ${word}: ${this.#stderr}`)));
      check();
    });
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  async ended(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, 'exit');
    if (this.#stderr !== '') throw new Error(`it complained: ${this.#stderr}`);
  }
}

/** The status, or how the connection ended. Without keep-alive, as a load balancer that drains. */
function answerOf(url: string): Promise<number | string> {
  return new Promise((resolve) => {
    get(url, { agent: false }, (answer) => {
      answer.resume();
      answer.on('end', () => resolve(answer.statusCode!));
      answer.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    }).on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}
