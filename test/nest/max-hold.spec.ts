import 'reflect-metadata';
import { Readable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { Controller, Get, Post, StreamableFile } from '@nestjs/common';
import { CurrentLease, type Lease, Locked, LockService } from '../../src/index.js';
import { ADAPTERS, startApp } from './support/start-app.js';

const MAX_HOLD_MS = 150;

@Controller('jobs')
class JobsController {
  @Post('hang')
  @Locked('job:1', { maxHoldMs: MAX_HOLD_MS })
  async hang(@CurrentLease() lease: Lease): Promise<string> {
    await new Promise((resolve) => lease.signal.addEventListener('abort', resolve));
    return 'too late';
  }

  @Post('hang-by-module')
  @Locked('job:2')
  async hangByModule(@CurrentLease() lease: Lease): Promise<string> {
    await new Promise((resolve) => lease.signal.addEventListener('abort', resolve));
    return 'too late';
  }

  @Get('file')
  @Locked('job:1', { maxHoldMs: MAX_HOLD_MS })
  file(): StreamableFile {
    return new StreamableFile(Readable.from(endless()));
  }
}

function* endless(): Generator<Buffer> {
  for (;;) yield Buffer.alloc(65_536);
}

describe.each(ADAPTERS)('maxHoldMs on %s', (adapter) => {
  it.each(['hang', 'hang-by-module'])('answers LOCK_LOST when the work of «%s» ends', async (path) => {
    await using running = await startApp({
      adapter,
      controllers: [JobsController],
      locks: { maxHoldMs: MAX_HOLD_MS },
    });
    const response = await fetch(`${running.url}/jobs/${path}`, { method: 'POST' });
    expect(response.status).toBe(500);
    expect(await response.json()).toMatchObject({ code: 'LOCK_LOST' });
  });

  it('frees the lock of a stream that its client never reads', async () => {
    await using running = await startApp({ adapter, controllers: [JobsController] });
    const locks = running.app.get(LockService);
    const lost = new Promise((resolve) => void locks.on('lost', ({ cause }) => resolve(cause)));
    const client = new AbortController();
    const response = await fetch(`${running.url}/jobs/file`, { signal: client.signal });
    expect(response.status).toBe(200);
    const next = await locks.acquire('job:1');
    expect(await lost).toBe('held-too-long');
    await next.release();
    client.abort();
  });
});
