import { inspect } from 'node:util';
import { Controller, Inject, Injectable, Param, Post } from '@nestjs/common';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CurrentLease, DistributedLockModule, type Lease, Locked, LockService } from '../../src/index.js';
import { type RedisServer, startRedis } from '../support/start-redis.js';
import { tlsFront } from '../support/tls-front.js';
import { until } from './support/gate.js';
import { ADAPTERS, LogBook, startApp, startUpError } from './support/start-app.js';

/** What two processes would share without a lock's help: read, wait, write. */
const seats = { taken: 0, most: 0, running: 0, fences: [] as number[] };

@Injectable()
class Audit {
  @Locked('audit:<groupId>')
  async write(groupId: string, @CurrentLease() lease?: Lease) {
    return `${groupId} ${lease?.name}`;
  }
}

@Controller('groups')
class Groups {
  constructor(@Inject(Audit) private readonly audit: Audit) {}

  @Post(':groupId/members')
  @Locked('group:<groupId>')
  async join(@Param('groupId') groupId: string, @CurrentLease() lease: Lease) {
    seats.most = Math.max(seats.most, ++seats.running);
    const { taken } = seats;
    await this.audit.write(groupId);
    seats.taken = taken + 1;
    seats.fences.push(lease.fencingToken);
    seats.running--;
    return { seat: seats.taken };
  }
}

describe.each(ADAPTERS)('two applications on one Redis, on %s', (adapter) => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());

  const start = () =>
    startApp({
      adapter,
      controllers: [Groups],
      providers: [Audit],
      imports: [DistributedLockModule.forRoot({ redis: redis.url })],
    });

  it('give out each seat once, with fencing tokens that rise in the order of the work', async () => {
    Object.assign(seats, { taken: 0, most: 0, running: 0, fences: [] });
    await using one = await start();
    await using two = await start();
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, n) =>
        fetch(`${n % 2 === 0 ? one.url : two.url}/groups/7/members`, { method: 'POST' }),
      ),
    );
    const taken = (await Promise.all(answers.map((answer) => answer.json()))) as { seat: number }[];
    expect(answers.map(({ status }) => status)).toEqual(Array(60).fill(201));
    expect(new Set(taken.map(({ seat }) => seat)).size).toBe(60);
    expect(seats.most).toBe(1);
    expect(seats.fences).toEqual([...seats.fences].sort((a, b) => a - b));
  });

  it('do not start at all where trying again cannot help, and say the cause', async () => {
    await using front = await tlsFront(redis.port);
    const logs = new LogBook();
    const imports = [DistributedLockModule.forRoot({ redis: front.url })];
    const message = await startUpError({ adapter, imports, logs }); // not for 10 s
    expect(message).toMatch(
      /^DistributedLockModule: the lock store at rediss:.* cannot serve: .*certificate/,
    );
    expect(message).not.toMatch(/within 10 s|Start it|is it running/);
  });

  it.each([
    ['require', 'there', (url: string) => url.replace('//', '//app:hunter%2Fdwarf@')],
    ['require', 'there', (url: string) => `${url}/0?username=app&password=hunter/dwarf`],
    ['require', 'there', (url: string) => url.replace('//', '//app:hunter/dwarf@')],
    ['background', 'there', (url: string) => url.replace('//', '//app:hunter@dwarf@')],
    ['background', 'away', (url: string) => url.replace('//', '//hunterdwarf@')],
    ['background', 'away', (url: string) => `${url}?password=hunter+dwarf`],
  ] as const)(
    'show no password, whatever is printed or logged (%s, Redis is %s)',
    async (startup, where, form) => {
      const logs = new LogBook();
      const url = form(where === 'there' ? redis.url : 'redis://127.0.0.1:1');
      const imports = [DistributedLockModule.forRoot({ redis: url, startup })];
      const running = await startApp({ adapter, logs, imports }).catch((error: Error) => error);
      const things: unknown[] = [running];
      if ('app' in running) {
        await until(() => logs.texts('warn').length > 0, 'the warning');
        const locks = running.app.get(LockService);
        things[0] = locks;
        things.push(await locks.tryAcquire('a').catch((error: unknown) => error));
        await running[Symbol.asyncDispose]();
      }
      const printed = inspect([things, logs.entries], { depth: Infinity, showHidden: true, getters: true });
      expect(printed).toMatch(/LOCK_/);
      expect(printed).not.toMatch(/hunter|dwarf/);
    },
  );

  it('tell a client 503 when Redis is gone', async () => {
    await using own = await startRedis();
    const imports = [DistributedLockModule.forRoot({ redis: own.url })];
    await using running = await startApp({ adapter, controllers: [Groups], providers: [Audit], imports });
    await own.kill();
    const answer = await fetch(`${running.url}/groups/7/members`, { method: 'POST' });
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toBe('5');
    expect(await answer.json()).toMatchObject({ code: 'LOCK_STORE_UNAVAILABLE', retryable: true });
  });

  it('leave a client of the application open, and leave no key of a held lock behind', async () => {
    const client = new Redis(redis.url);
    const running = await startApp({
      imports: [DistributedLockModule.forRoot({ redis: client, prefix: 'borrowed' })],
    });
    await running.app.get(LockService).using('x', () => undefined);
    await running.app.close();
    expect(await client.ping()).toBe('PONG');
    expect(client.status).toBe('ready');
    const left = await client.keys('borrowed:*');
    expect(await Promise.all(left.map((key) => client.pttl(key)))).toEqual(
      left.map(() => expect.any(Number)),
    );
    expect(await Promise.all(left.map((key) => client.pttl(key)))).not.toContain(-1);
    client.disconnect();
  });

  it('read REDIS_URL when forRoot has no arguments', async () => {
    process.env['REDIS_URL'] = redis.url;
    await using running = await startApp({ imports: [DistributedLockModule.forRoot()] });
    delete process.env['REDIS_URL'];
    const lease = await running.app.get(LockService).acquire('from-environment');
    const looking = new Redis(redis.url);
    expect(await looking.keys('*from-environment*')).not.toEqual([]);
    looking.disconnect();
    await lease.release();
  });
});
