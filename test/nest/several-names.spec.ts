import { Body, Controller, HttpCode, Inject, Injectable, Param, Post } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import { CurrentLease, type Lease, Locked, LockService } from '../../src/index.js';
import { Gate } from './support/gate.js';
import { ADAPTERS, startApp } from './support/start-app.js';

const gate = new Gate();

@Injectable()
class Accounts {
  running = 0;
  most = 0;

  @Locked(['account:<from>', 'account:<to>'])
  async transfer(from: string, to: string): Promise<string> {
    this.most = Math.max(this.most, ++this.running);
    await new Promise((resolve) => setImmediate(resolve));
    this.running--;
    return `${from} to ${to}`;
  }

  @Locked('item:<ids[]>')
  async all(ids: string[]): Promise<number> {
    return ids.length;
  }
}

@Controller()
class Transfers {
  constructor(@Inject(Accounts) readonly accounts: Accounts) {}

  @Post('transfers/:from/:to')
  @HttpCode(200)
  @Locked(['account:<from>', 'account:<to>'])
  async transfer(@Param('from') from: string, @Param('to') to: string, @CurrentLease() lease?: Lease) {
    await this.accounts.transfer(from, to); // entered again
    return { names: lease?.names, tokens: [...(lease?.fencingTokens.values() ?? [])], state: lease?.state };
  }

  @Post('held/:from/:to')
  @Locked(['account:<from>', 'account:<to>'])
  async held(@Param('from') _from: string, @Param('to') _to: string) {
    await gate.pass();
    return 'held';
  }

  @Post('items')
  @HttpCode(200)
  @Locked('item:<body.ids[]>', { onBusy: 'reject', busyStatus: 409 })
  async items(@Body() _body: object, @CurrentLease() lease?: Lease) {
    return lease?.names;
  }

  @Post('rooms/:room/items')
  @Locked(['room:<room>', 'item:<body.ids[]>'], { phase: 'handler' })
  async roomItems(@Param('room') _room: string, @Body() _body: object) {
    return 'ran';
  }
}

const parts = { controllers: [Transfers], providers: [Accounts] };

describe.each(ADAPTERS)('several names of one route, on %s', (adapter) => {
  const start = (locks = {}) => startApp({ ...parts, adapter, locks });
  const post = (url: string, path: string, body: unknown = {}) =>
    fetch(`${url}/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });

  it('are one lease for the handler, and the same for its service method', async () => {
    await using running = await start();
    const answer = await post(running.url, 'transfers/2/1');
    expect(await answer.json()).toEqual({
      names: ['account:1', 'account:2'],
      tokens: [expect.any(Number), expect.any(Number)],
      state: 'held',
    });
    const twice = await post(running.url, 'transfers/1/1');
    expect(await twice.json()).toMatchObject({ names: ['account:1'] });
  });

  it('exclude each other in both directions, and nobody waits for ever', async () => {
    await using running = await start();
    const accounts = running.app.get(Accounts);
    const paths = Array.from({ length: 20 }, (_, n) => (n % 2 === 0 ? 'transfers/1/2' : 'transfers/2/1'));
    const answers = await Promise.all(paths.map((path) => post(running.url, path)));
    expect(answers.map(({ status }) => status)).toEqual(paths.map(() => 200));
    expect(accounts.most).toBe(1);
    expect(running.app.get(LockService).held()).toEqual([]);
  });

  it.each([
    [false, {}],
    [true, { lockName: 'item:b' }],
  ])(
    'are busy when one of them is, and a client is told which one only if it may be: %s',
    async (expose, shown) => {
      await using running = await start({ exposeLockName: expose });
      const locks = running.app.get(LockService);
      const held = await locks.acquire('item:b');
      const answer = await post(running.url, 'items', { ids: ['c', 'b', 'a'] });
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([409, '30']);
      expect(answer.headers.get('content-type')).toContain('application/problem+json');
      const problem = (await answer.json()) as object;
      expect(problem).toMatchObject({ code: 'LOCK_BUSY', ...shown });
      expect('lockName' in problem).toBe(expose);
      expect(locks.held().map(({ name }) => name)).toEqual(['item:b']);
      await held.release();
      const free = await post(running.url, 'items', { ids: ['c', 'b', 'a', 'b'] });
      expect(await free.json()).toEqual(['item:a', 'item:b', 'item:c']);
    },
  );

  it.each([
    ['an empty list', { ids: [] }],
    ['no list', {}],
    ['101 ids', { ids: Array.from({ length: 101 }, (_, n) => n) }],
    ['an id that cannot stand in a name', { ids: ['a', null] }],
  ])('a list of the client is a 400, and nothing is locked: %s', async (_what, body) => {
    await using running = await start();
    for (const path of ['items', 'rooms/1/items']) {
      const answer = await post(running.url, path, body);
      expect(answer.status).toBe(400);
      expect(await answer.json()).toMatchObject({
        code: 'LOCK_TEMPLATE_UNRESOLVED',
        detail: 'body.ids is missing or has no usable value',
      });
    }
    expect(running.app.get(LockService).held()).toEqual([]);
  });

  it('a list of the client that is too long only with the names beside it is a 400, too', async () => {
    await using running = await start();
    const ids = Array.from({ length: 100 }, (_, n) => n);
    expect((await post(running.url, 'items', { ids })).status).toBe(200);
    expect((await post(running.url, 'rooms/1/items', { ids })).status).toBe(400);
    expect((await post(running.url, 'rooms/1/items', { ids: ids.slice(1) })).status).toBe(201);
  });

  it('a loss of one is logged with its name, and the request fails', async () => {
    await using running = await start();
    const locks = running.app.get(LockService);
    const answer = post(running.url, 'held/1/2');
    await gate.arrived();
    await locks.forceRelease('account:2', 'an operator');
    await gate.open();
    expect((await answer).status).toBe(500);
    expect(running.logs.texts('error')).toContainEqual(expect.stringContaining('lock "account:2" was lost'));
    expect(locks.held()).toEqual([]);
  });
});

describe('a service method whose own code gives too many names', () => {
  it('is a mistake of ours, and names the template', async () => {
    await using running = await startApp(parts);
    const ids = Array.from({ length: 101 }, (_, n) => `id-${n}`);
    const refused = running.app.get(Accounts).all(ids);
    await expect(refused).rejects.toMatchObject({ name: 'TemplateValueError', clientFault: false });
    await expect(refused).rejects.toThrow(
      "@Locked('item:<ids[]>') on Accounts.all: <ids[]> has 101 elements",
    );
    expect(await running.app.get(Accounts).all(ids.slice(1))).toBe(100);
  });
});
