import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Redis } from 'ioredis';

import { SentCommands } from '../src/child/sent-commands.js';
import { nowNs } from '../src/child/clock.js';
import { role } from '../src/child/role.js';
import { runAlone } from '../src/run/measured-process.js';
import { type BenchRedis, startRedis } from '../src/run/redis-server.js';
import { uncontendedLatency } from '../src/scenarios/uncontended.js';

let redis: BenchRedis;
before(async () => {
  redis = await startRedis();
});
after(() => redis.stop());

describe('a measured process', () => {
  const options = () => ({ adapter: 'floor', url: redis.url, boundMs: 10_000 }) as const;
  const nobody = role<object, unknown>('a role that the child does not know', async () => 1);

  it('that takes too long is ended, and that is said', async () => {
    const process = (): ReturnType<typeof options> => ({ ...options(), boundMs: 100 as 10_000 });
    const measuring = { id: 'floor', redis, inProcess: process, count: () => 1e9 } as unknown;
    const measured = uncontendedLatency.measure(
      measuring as Parameters<typeof uncontendedLatency.measure>[0],
    );
    await assert.rejects(measured, /not done within 0\.1 s/);
  });

  it('warms up as long when little is measured', async () => {
    await redis.empty();
    const observer = new Redis(redis.url);
    const inProcess = (boundMs: number): object => ({ ...options(), boundMs });
    const measuring = { id: 'floor', redis, inProcess, count: () => 10 } as unknown;
    await uncontendedLatency.measure(measuring as Parameters<typeof uncontendedLatency.measure>[0]);
    const calls = /^cmdstat_set:calls=(\d+)/m.exec(await observer.info('commandstats'))?.[1];
    observer.disconnect();
    assert.ok(Number(calls) > 5_000, `${calls} locks were taken`);
  });

  it('that cannot start is not waited for, and its own words are told', async () => {
    const started = runAlone(nobody, {}, { ...options(), nodeFlags: ['--no-such-flag'] });
    await assert.rejects(started, /crashed: .*no-such-flag/);
  });

  it('whose work fails tells why', async () => {
    await assert.rejects(runAlone(nobody, {}, options()), /no role is called/);
  });
});

describe('the clock', () => {
  it('is the one that all processes share', () => {
    const startNs = process.hrtime.bigint();
    const now = nowNs();
    assert.ok(now >= Number(startNs) && now <= Number(process.hrtime.bigint()));
  });
});

describe('the count of commands', () => {
  it('is what the server receives from the client: pipelines and long arguments, but not what scripts do', async () => {
    const observer = new Redis(redis.url);
    const monitor = await observer.monitor();
    const received: string[] = [];
    let onLast = (): void => {};
    monitor.on('monitor', (_time: string, args: string[], source: string) => {
      if (source !== 'lua') received.push(args.join(' ').slice(0, 20));
      if (args[1] === 'last') onLast();
    });
    const isLastSeen = new Promise<void>((resolve) => {
      onLast = resolve;
    });
    const sent = new SentCommands();
    sent.begin();
    const client = new Redis(redis.url);
    await client.ping('first');
    const sentBefore = sent.count;
    await client.eval("redis.call('set', KEYS[1], 1) return redis.call('get', KEYS[1])", 1, 'a');
    await client.pipeline().set('b', 'x'.repeat(100_000)).set('c', 'ü*3\r\n$3\r\n').get('c').exec();
    await Promise.all([client.get('a'), client.get('b')]);
    await client.ping('last');
    await isLastSeen;
    process.stderr.write('what is written elsewhere does not count\n');
    assert.equal(sent.count - sentBefore, 7);
    assert.equal(received.length - 1 - received.indexOf('ping first'), 7);
    monitor.disconnect();
    observer.disconnect();
    client.disconnect();
  });
});
