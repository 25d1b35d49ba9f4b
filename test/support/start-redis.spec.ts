import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';

import { eventually } from './in-time.js';
import { startRedis, type RedisServer } from './start-redis.js';

describe('startRedis', () => {
  let server: RedisServer;
  const clients: Redis[] = [];

  afterEach(async () => {
    for (const client of clients.splice(0)) client.disconnect();
    await server.stop();
  });

  function connect(): Redis {
    const client = new Redis(server.url, { retryStrategy: () => 20 });
    client.on('error', () => {}); // a server that is killed on purpose
    clients.push(client);
    return client;
  }

  it('starts a real server that answers, and stops it', async () => {
    server = await startRedis();
    await expect(connect().ping()).resolves.toBe('PONG');
    const { pid } = server;
    await server.stop();
    expect(isRunning(pid)).toBe(false);
  });

  it('says what the server said when its port is taken', async () => {
    server = await startRedis();
    await expect(startRedis({ port: server.port })).rejects.toThrow(/in use/);
  });

  it('executes only after thawing what was sent while it was frozen', async () => {
    server = await startRedis();
    const client = connect();
    await client.ping();
    server.freeze();
    let answered = false;
    const reply = client.incr('n').finally(() => (answered = true));
    await new Promise((resolve) => setTimeout(resolve, 50)); // that nothing comes can only be seen in time
    expect(answered).toBe(false);
    server.thaw();
    await expect(reply).resolves.toBe(1);
  });

  it('comes back on the same port after a kill, with nothing remembered', async () => {
    server = await startRedis();
    const { port, pid } = server;
    const client = connect();
    await client.set('k', 'v');
    await server.kill();
    await server.restart();
    expect(server.port).toBe(port);
    expect(server.pid).not.toBe(pid);
    await expect(client.get('k')).resolves.toBeNull();
  });

  it('keeps its folder over a restart, so that an append-only file survives', async () => {
    server = await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
    const client = connect();
    await client.set('k', 'v');
    await server.restart();
    await expect(client.get('k')).resolves.toBe('v');
  });

  it('takes the server down with the process that started it, even when that is killed', async () => {
    server = await startRedis();
    const starter = spawn(
      process.execPath,
      [
        '--import',
        script('run-typescript.mjs'),
        '--input-type=module',
        '-e',
        `
      const { startRedis } = await import(${JSON.stringify(script('start-redis.ts'))});
      console.log((await startRedis()).pid);
      setInterval(() => {}, 1000);
    `,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const [line] = await once(starter.stdout, 'data');
    const pid = Number(line);
    expect(isRunning(pid)).toBe(true);
    starter.kill('SIGKILL');
    await eventually(() => !isRunning(pid));
  });
});

function script(name: string): string {
  return new URL(name, import.meta.url).href;
}

/** In a container nobody may collect orphans: one that has ended but was not collected (state Z) does not run. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !existsSync('/proc/self/stat') || !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}
