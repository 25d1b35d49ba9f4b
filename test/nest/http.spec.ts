import {
  Body,
  Controller,
  ForbiddenException,
  Get,
  HttpCode,
  Inject,
  Param,
  ParseIntPipe,
  Post,
  Query,
} from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import { CurrentLease, type Lease, Locked, LockService, lockName } from '../../src/index.js';
import { Gate, until } from './support/gate.js';
import { ADAPTERS, startApp } from './support/start-app.js';

const gate = new Gate();

@Controller('groups/:groupId')
class GroupsController {
  running = 0;
  most = 0;

  @Post('members')
  @Locked('group:<groupId>')
  async join(@Param('groupId') groupId: string, @CurrentLease() lease: Lease) {
    this.most = Math.max(this.most, ++this.running);
    await new Promise((resolve) => setImmediate(resolve));
    this.running--;
    return { groupId, name: lease.name, fencingToken: lease.fencingToken, state: lease.state };
  }

  @Locked('group:<groupId>', { waitMs: 0 })
  @Get('above')
  @HttpCode(202)
  async above(@Param('groupId') _groupId: string) {
    await gate.pass();
    return 'above';
  }

  @Get('seat')
  @Locked('group:<groupId>', { busyStatus: 409, onBusy: 'reject' })
  async seat(@Param('groupId') _groupId: string): Promise<string> {
    return 'seat';
  }

  @Get('numbered')
  @Locked('numbered:<groupId>', { phase: 'handler' })
  async numbered(@Param('groupId', ParseIntPipe) _groupId: number, @CurrentLease() lease: Lease) {
    return lease.name;
  }

  @Get('by-key')
  @Locked((groupId: number, at: string) => lockName`key:${groupId}:${at}`)
  async byKey(
    @Param('groupId', ParseIntPipe) _groupId: number,
    @Query('at') _at: string,
    @CurrentLease() lease: Lease,
  ) {
    return lease.name;
  }

  @Post('body')
  @Locked('item:<body.item.id>')
  async body(@Body() _body: object, @CurrentLease() lease: Lease) {
    return lease.name;
  }

  @Get('forbidden')
  @Locked('group:<groupId>')
  async forbidden(@Param('groupId') _groupId: string) {
    throw new ForbiddenException('not yours');
  }

  @Get('unlocked')
  unlocked(): string {
    return 'unlocked';
  }
}

describe.each(ADAPTERS)('@Locked over HTTP on %s', (adapter) => {
  const start = () => startApp({ adapter, controllers: [GroupsController], locks: { waitMs: 60_000 } });

  it('lets requests for one group run one after the other, with rising fencing tokens', async () => {
    await using running = await start();
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => fetch(`${running.url}/groups/7/members`, { method: 'POST' })),
    );
    const bodies = (await Promise.all(answers.map((answer) => answer.json()))) as {
      name: string;
      fencingToken: number;
    }[];
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(201));
    expect(running.app.get(GroupsController).most).toBe(1);
    expect(bodies[0]).toMatchObject({ groupId: '7', name: 'group:7', state: 'held' });
    expect(new Set(bodies.map(({ fencingToken }) => fencingToken)).size).toBe(8);
  });

  it('keeps the route and the status when it stands above @Get, and locks there too', async () => {
    await using running = await start();
    const first = fetch(`${running.url}/groups/7/above`);
    await gate.arrived();
    const [busy, other] = [fetch(`${running.url}/groups/7/above`), fetch(`${running.url}/groups/8/above`)];
    expect((await busy).status).toBe(423);
    await gate.arrived(2);
    await gate.open();
    await gate.open();
    expect((await first).status).toBe(202);
    expect(await (await other).text()).toBe('above');
  });

  it('answers a busy lock with problem+json, Retry-After and a code, without the name', async () => {
    await using running = await start();
    const lease = await running.app.get(LockService).acquire('group:7');
    const answer = await fetch(`${running.url}/groups/7/above`);
    expect(answer.status).toBe(423);
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(answer.headers.get('retry-after')).toBe('30');
    const text = await answer.text();
    expect(JSON.parse(text)).toEqual({
      type: 'urn:nestjs-distributed-lock:lock-busy',
      title: 'Resource is locked',
      status: 423,
      detail: 'another request is working on this now; try again later',
      code: 'LOCK_BUSY',
      retryable: true,
    });
    await lease.release();
  });

  it("uses the decorator's busyStatus, and does not wait with onBusy: 'reject'", async () => {
    await using running = await start();
    const lease = await running.app.get(LockService).acquire('group:7');
    expect((await fetch(`${running.url}/groups/7/seat`)).status).toBe(409);
    await lease.release();
    expect((await fetch(`${running.url}/groups/7/seat`)).status).toBe(200);
  });

  it("locks after the pipes with phase: 'handler' and with a key function, which gets the final arguments", async () => {
    await using running = await start();
    expect(await (await fetch(`${running.url}/groups/05/numbered`)).text()).toBe('numbered:5');
    expect(await (await fetch(`${running.url}/groups/05/by-key?at=a:b`)).text()).toBe('key:5:a%3Ab');
  });

  it('answers 400 and names the value when the client left it out', async () => {
    await using running = await start();
    const post = (body: object) =>
      fetch(`${running.url}/groups/7/body`, {
        method: 'POST',
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json' },
      });
    expect(await (await post({ item: { id: 'a/b' } })).text()).toBe('item:a%2Fb');
    const answer = await post({ item: {} });
    expect(answer.status).toBe(400);
    expect(answer.headers.get('retry-after')).toBeNull();
    const problem = (await answer.json()) as { code: string; detail: string };
    expect(problem).toMatchObject({ code: 'LOCK_TEMPLATE_UNRESOLVED', retryable: false, status: 400 });
    expect(problem.detail).toBe('body.item.id is missing or has no usable value');
  });

  it("leaves the handler's own errors and unlocked routes alone, and gives the lock back after an error", async () => {
    await using running = await start();
    expect((await fetch(`${running.url}/groups/7/forbidden`)).status).toBe(403);
    expect(running.app.get(LockService).held()).toEqual([]);
    expect((await fetch(`${running.url}/groups/7/unlocked`)).status).toBe(200);
  });

  it('stops waiting when the client goes away, and does not run the handler', async () => {
    await using running = await start();
    const locks = running.app.get(LockService);
    const lease = await locks.acquire('group:7');
    const leaving = new AbortController();
    const gone = fetch(`${running.url}/groups/7/members`, { method: 'POST', signal: leaving.signal });
    await until(async () => (await locks.inspect('group:7')).waitingHere === 1, 'the request waits');
    leaving.abort();
    await expect(gone).rejects.toMatchObject({ name: 'AbortError' });
    await until(async () => (await locks.inspect('group:7')).waitingHere === 0, 'the wait has ended');
    await lease.release();
    expect(running.app.get(GroupsController).most).toBe(0);
    expect(running.logs.texts('error')).toEqual([]);
  });
});

@Controller()
class StatusController {
  constructor(@Inject(LockService) private readonly locks: LockService) {}

  @Get('lost/:id')
  @Locked('item:<id>')
  async lost(@Param('id') id: string) {
    await this.locks.forceRelease(`item:${id}`, 'a test');
    return 'too late';
  }

  @Get('usage')
  async usage() {
    await this.locks.acquire('');
  }

  @Get('late-busy/:id')
  async lateBusy(@Param('id') id: string) {
    await this.locks.using(`item:${id}`, () => 'done', { waitMs: 0 });
  }
}

describe.each(ADAPTERS)('errors of the engine on %s', (adapter) => {
  it('answers 500 without Retry-After when the lock was lost while the handler ran, and logs the loss', async () => {
    await using running = await startApp({ adapter, controllers: [StatusController] });
    const answer = await fetch(`${running.url}/lost/7`);
    expect(answer.status).toBe(500);
    expect(answer.headers.get('retry-after')).toBeNull();
    expect(await answer.json()).toMatchObject({ code: 'LOCK_LOST', retryable: false });
    expect(running.logs.texts('error').join('\n')).toContain('lock "item:7" was lost');
  });

  it('answers 500 without telling why when our own code is wrong, and logs why', async () => {
    await using running = await startApp({ adapter, controllers: [StatusController] });
    const answer = await fetch(`${running.url}/usage`);
    expect(answer.status).toBe(500);
    expect(await answer.json()).toMatchObject({
      code: 'LOCK_NAME_INVALID',
      detail: 'the request could not be handled',
    });
    expect(running.logs.texts('error').join('\n')).toContain('a lock name must be a non-empty string');
  });

  it('answers errors of a LockService that the handler used by hand in the same way', async () => {
    await using running = await startApp({ adapter, controllers: [StatusController] });
    const lease = await running.app.get(LockService).acquire('item:7');
    expect((await fetch(`${running.url}/late-busy/7`)).status).toBe(423);
    await lease.release();
  });

  it('answers 503 with Retry-After when the manager is closed', async () => {
    await using running = await startApp({ adapter, controllers: [StatusController] });
    await running.app.get(LockService).close();
    const answer = await fetch(`${running.url}/lost/7`);
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toBe('5');
    expect(await answer.json()).toMatchObject({ code: 'LOCK_CLOSED' });
  });

  it('tells the name of the lock only with exposeLockName', async () => {
    await using running = await startApp({
      adapter,
      controllers: [StatusController],
      locks: { exposeLockName: true },
    });
    const lease = await running.app.get(LockService).acquire('item:7');
    const answer = await fetch(`${running.url}/late-busy/7`);
    expect(await answer.json()).toMatchObject({ lockName: 'item:7' });
    await lease.release();
  });
});
