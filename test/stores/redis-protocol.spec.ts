import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { setMaxListeners } from 'node:events';
import { inspect, promisify } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { SCRIPTS } from '../../lib/stores/redis/redis-scripts.generated.js';
import { RedisWorkbench, eventually } from '../support/redis-workbench.js';

const execFileAsync = promisify(execFile);
const bench = new RedisWorkbench();
beforeAll(() => bench.start());
afterEach(() => bench.clean());
afterAll(() => bench.stop());

describe('what the Redis store sends', () => {
  it('an uncontended acquire and its release are one command each', async () => {
    const locks = await bench.manager();
    await locks.using('warm-up', () => undefined);
    const commands = await bench.commandsDuring(async () => {
      for (let i = 0; i < 10; i++) await locks.using('group:1', () => undefined);
    });
    expect(commands).toHaveLength(20);
    expect(commands.every((command) => command.startsWith('evalsha'))).toBe(true);
  });

  it('a hand-off between processes is two commands: the waiter queues, the release grants and pushes', async () => {
    const [a, b] = [await bench.manager(), await bench.manager()];
    const turns = 20;
    const commands = await bench.commandsDuring(async () => {
      let held = await a.acquire('hot');
      for (let turn = 0; turn < turns; turn++) {
        const next = (turn % 2 === 0 ? b : a).acquire('hot');
        await bench.queued('hot');
        await held.release();
        held = await next;
      }
      await held.release();
    });
    const scripts = commands.filter((command) => command.startsWith('evalsha'));
    expect(scripts.length / (turns + 1)).toBeLessThanOrEqual(2.2);
  });

  it('500 waiters of one process cost at most one command per second', async () => {
    const [holder, crowd] = [await bench.manager(), await bench.manager()];
    const lease = await holder.acquire('hot');
    const gaveUp = new AbortController();
    setMaxListeners(0, gaveUp.signal);
    const waiters = Array.from({ length: 500 }, () => crowd.acquire('hot', { signal: gaveUp.signal }));
    const outcomes = Promise.allSettled(waiters);
    await bench.queued('hot');
    const startedAt = performance.now();
    const commands = await bench.commandsDuring(() => sleep(3_000));
    const seconds = Math.round((performance.now() - startedAt) / 1_000);
    gaveUp.abort(new Error('enough'));
    await outcomes;
    await lease.release();
    expect(commands.length).toBeLessThanOrEqual(seconds);
  });

  it('many leases are renewed with one command per hundred', async () => {
    const locks = await bench.manager({ leaseMs: 3_000 });
    await Promise.all(Array.from({ length: 250 }, (_, i) => locks.acquire(`job:${i}`)));
    const commands = await bench.commandsDuring(() => sleep(1_400)); // one interval: a third of the lease
    expect(locks.held()).toHaveLength(250);
    expect(commands.length).toBeGreaterThanOrEqual(3);
    expect(commands.length).toBeLessThanOrEqual(12);
  });

  it('a server that has lost its scripts gets them again, and nobody notices', async () => {
    const locks = await bench.manager();
    await locks.using('group:1', () => undefined);
    await bench.raw.script('FLUSH');
    await expect(locks.using('group:1', () => 'done')).resolves.toBe('done');
  });
});

describe('waiting on Redis', () => {
  it('waiters whose process is gone are skipped in the same command', async () => {
    const [holder, waiter] = [await bench.manager(), await bench.manager()];
    const lease = await holder.acquire('hot');
    for (let i = 0; i < 50; i++) {
      await bench.raw.zadd('lock:{hot}:q', i, `${String(i).padStart(22, 'd')}00030000lock:c:gone|`);
    }
    const next = waiter.acquire('hot');
    await bench.queued('hot', 51);
    const commands = await bench.commandsDuring(async () => {
      await lease.release();
      await next;
    });
    // Besides what a busy machine may let fall into this moment: a heartbeat, a renewal.
    expect(commands.filter((command) => command.includes(SCRIPTS.release.sha))).toHaveLength(1);
    expect(commands.filter((command) => command.includes(SCRIPTS.acquire.sha))).toHaveLength(0);
    expect(await bench.raw.zcard('lock:{hot}:q')).toBe(0);
  });

  it('a waiter whose push connection is cut comes back to its old place', async () => {
    const [holder, first, second] = [await bench.manager(), await bench.manager(), await bench.manager()];
    const lease = await holder.acquire('hot');
    const order: string[] = [];
    const one = first.using('hot', () => void order.push('first'));
    await bench.queued('hot');
    const two = second.using('hot', () => void order.push('second'));
    await bench.queued('hot', 2);
    await bench.raw.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await eventually(async () => (await channels()).length === 3); // they subscribed again by themselves
    await lease.release();
    await Promise.all([one, two]);
    expect(order).toEqual(['first', 'second']);
  });

  it('a grant whose push got lost is found by the next poll', async () => {
    const [holder, waiter] = [await bench.manager({ leaseMs: 400 }), await bench.manager({ leaseMs: 400 })];
    const lease = await holder.acquire('hot');
    const before = await channels();
    const waiting = waiter.acquire('hot');
    await bench.queued('hot');
    // Somebody else listens on the waiter's channel, so that PUBLISH counts a listener, and the waiter itself is cut off.
    const decoy = new Redis(bench.url);
    await Promise.all(before.map((channel) => decoy.subscribe(channel)));
    await bench.raw.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await lease.release();
    const next = await waiting;
    expect(next.state).toBe('held');
    expect(next.fencingToken).toBeGreaterThan(lease.fencingToken);
    decoy.disconnect();
  });

  it('a pushed grant is short until it is confirmed: a frozen grantee costs 5 s, not its lease', async () => {
    const [holder, waiter] = [await bench.manager(), await bench.manager()];
    const lease = await holder.acquire('hot');
    const waiting = waiter.acquire('hot', { leaseMs: 60_000 });
    await bench.queued('hot');
    await lease.release();
    const granted = await waiting;
    expect(await bench.raw.pttl('lock:{hot}')).toBeLessThanOrEqual(5_000);
    await eventually(async () => (await bench.raw.pttl('lock:{hot}')) > 50_000);
    await eventually(() => granted.remainingMs() > 50_000); // its reply may still be on its way
  });

  it('a pushed grant that is not to be renewed has its full lease from the beginning', async () => {
    const [holder, waiter] = [await bench.manager(), await bench.manager()];
    const lease = await holder.acquire('hot');
    const waiting = waiter.acquire('hot', { leaseMs: 60_000, renew: false });
    await bench.queued('hot');
    await lease.release();
    expect((await waiting).remainingMs()).toBeGreaterThan(50_000);
  });

  async function channels(): Promise<string[]> {
    return (await bench.raw.pubsub('CHANNELS', 'lock:c:*')) as string[];
  }
});

describe('trouble with the server', () => {
  it('a full memory refuses new locks with a clear error, and releases old ones', async () => {
    const locks = await bench.manager();
    const lease = await locks.acquire('group:1');
    await bench.raw.config('SET', 'maxmemory', '1mb');
    try {
      const error = await locks.tryAcquire('group:2').catch((e: unknown) => e);
      expect(error).toMatchObject({ code: 'LOCK_STORE_UNAVAILABLE', retryable: true });
      expect((error as Error).message).toContain('memory is full');
      await expect(lease.release()).resolves.toBe('released');
      expect((await bench.raw.get('lock:{group:1}'))?.slice(0, 1)).toBe('f');
    } finally {
      await bench.raw.config('SET', 'maxmemory', '0');
    }
  });

  it.each([
    ['a list', () => bench.raw.rpush('lock:{group:1}', 'x')],
    ['a foreign string', () => bench.raw.set('lock:{group:1}', 'hello', 'PX', 60_000)],
    [
      'a hold without an end',
      () => bench.raw.set('lock:{group:1}', `h${'1'.repeat(48)}${'o'.repeat(22)}lock:c:x|`),
    ],
  ])('%s in the place of the lock is LOCK_KEY_CONFLICT at once, and stays as it is', async (_what, put) => {
    const locks = await bench.manager();
    await put();
    const before = await bench.raw.dump('lock:{group:1}');
    for (const call of [locks.acquire('group:1'), locks.tryAcquire('group:1')]) {
      await expect(call).rejects.toMatchObject({ code: 'LOCK_KEY_CONFLICT', retryable: false });
    }
    expect(await bench.raw.dump('lock:{group:1}')).toEqual(before);
  });

  it('no owner token and no password is in any error, however deep one looks', async () => {
    await bench.raw.acl('SETUSER', 'locker', 'on', '>s3cret', '~*', '&*', '+@all');
    const url = bench.url.replace('//', '//locker:s3cret@');
    const locks = await bench.manager({}, { url, commandMs: 100 });
    await locks.acquire('group:1');
    const state = String(await bench.raw.get('lock:{group:1}'));
    await bench.raw.rpush('lock:{bad}', 'x');
    const errors: unknown[] = [await locks.acquire('bad').catch((e: unknown) => e)];
    bench.server.freeze();
    errors.push(await locks.tryAcquire('group:2').catch((e: unknown) => e));
    bench.server.thaw();
    for (const error of errors) {
      const shown = inspect(error, { depth: 20, showHidden: true });
      expect(shown).toContain('LOCK_');
      expect(shown).not.toContain('s3cret');
      expect(shown).not.toContain(state.slice(49, 71));
      expect(shown).not.toMatch(/evalsha/i);
    }
  });

  it('a borrowed client is neither used, nor changed, nor closed', async () => {
    const client = new Redis(bench.url, {
      connectionName: 'app',
      keyPrefix: 'app:',
      maxRetriesPerRequest: 7,
    });
    await client.set('seen', '1');
    const locks = await bench.manager({}, { client });
    await locks.using('group:1', () => undefined);
    await eventually(async () => (await bench.raw.keys('*probe*')).length === 0); // of the start-up check: a millisecond
    expect(await bench.raw.keys('*lock:*')).toEqual(['app:lock:{group:1}']);
    const list = String(await bench.raw.client('LIST')).split('\n');
    expect(list.find((line) => line.includes('name=app '))).toMatch(/cmd=set .*|cmd=client\|setname/);
    expect(client.options).toMatchObject({
      connectionName: 'app',
      maxRetriesPerRequest: 7,
      keyPrefix: 'app:',
    });
    await locks.close();
    expect(await client.get('seen')).toBe('1');
    client.disconnect();
  });

  it('a holder that never waited for anything still learns of a release by force at once', async () => {
    const [holder, operator] = [await bench.manager(), await bench.manager()];
    const lease = await holder.acquire('group:1');
    const lost = new Promise((resolve) => lease.signal.addEventListener('abort', resolve));
    await operator.forceRelease('group:1', 'stuck since Monday');
    await lost;
    expect(lease.state).toBe('lost');
    expect(lease.signal.reason).toMatchObject({ code: 'LOCK_LOST', cause: 'forced' });
    expect((lease.signal.reason as Error).message).toContain('stuck since Monday');
  });
});

describe('many callers at once', () => {
  // In a process of its own: Jest keeps Node's warnings from the test.
  it('hundreds that ask, wait for a connection, or give up together cause no warning of leaking listeners', async () => {
    const run = new URL('../support/run-typescript.mjs', import.meta.url).href;
    const script = new URL('../support/crowd.child.ts', import.meta.url).pathname;
    const { stdout, stderr } = await execFileAsync(process.execPath, ['--import', run, script, bench.url]);
    expect({ stdout, stderr }).toEqual({ stdout: '100 gave up, 100 acquired\n', stderr: '' });
  });
});
