import { get } from 'node:http';
import { text } from 'node:stream/consumers';
import { Controller, Get, Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import { CurrentLease, type Lease, Locked, LockService } from '../../src/index.js';
import { Gate, until } from './support/gate.js';
import { ADAPTERS, memoryLocks, startApp } from './support/start-app.js';

@Injectable()
class Stage {
  readonly gate = new Gate();
  lease: Lease | undefined;
}

@Controller()
class Shop {
  constructor(@Inject(Stage) private readonly stage: Stage) {}

  @Get('buy')
  @Locked('item')
  async buy(@CurrentLease() lease: Lease) {
    this.stage.lease = lease;
    await this.stage.gate.pass();
    return `bought, ${lease.state}`;
  }
}

@Injectable()
class LastWitness implements OnApplicationShutdown {
  heldAtEnd: number | undefined;

  constructor(@Inject(LockService) private readonly locks: LockService) {}

  onApplicationShutdown(): void {
    this.heldAtEnd = this.locks.held().length;
  }
}

/** Without keep-alive: Fastify would wait 70 s for an idle connection to end. */
function fetchOnce(url: string): Promise<{ status: number | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    get(url, { agent: false }, (answer) => {
      text(answer).then((body) => resolve({ status: answer.statusCode, body }), reject);
    }).on('error', reject);
  });
}

describe.each(ADAPTERS)('shutting down on %s', (adapter) => {
  const parts = { adapter, controllers: [Shop], providers: [Stage, LastWitness] };

  it('turns waiters away at once and lets the holder finish under its lock', async () => {
    const running = await startApp({ ...parts, drainForReal: true });
    const { gate } = running.app.get(Stage);
    const locks = running.app.get(LockService);
    const holder = fetchOnce(`${running.url}/buy`);
    await gate.arrived();
    const waiter = fetchOnce(`${running.url}/buy`);
    await until(async () => (await locks.inspect('item')).waitingHere === 1, 'the second request waits');
    const closed = running.app.close();
    const turnedAway = await waiter;
    expect([turnedAway.status, (JSON.parse(turnedAway.body) as { code: string }).code]).toEqual([
      503,
      'LOCK_CLOSED',
    ]);
    expect(locks.held()).toHaveLength(1);
    await gate.open();
    expect((await holder).body).toBe('bought, held');
    await closed;
    expect(running.app.get(LastWitness).heldAtEnd).toBe(0);
    await expect(locks.acquire('item')).rejects.toMatchObject({ code: 'LOCK_CLOSED' });
  });

  it('ends a lease that outlasts drainMs before it gives the lock away', async () => {
    const running = await startApp({ ...parts, imports: [memoryLocks({ drainMs: 50 })] });
    const stage = running.app.get(Stage);
    fetchOnce(`${running.url}/buy`).catch(() => undefined);
    await stage.gate.arrived();
    const { signal } = stage.lease as Lease;
    await running.app.close();
    expect(stage.lease?.state).toBe('lost');
    expect(signal.reason).toMatchObject({ code: 'LOCK_LOST', cause: 'shutdown' });
    await stage.gate.open();
  });
});
