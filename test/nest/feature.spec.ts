import { Controller, Get, Injectable, Module, type ModuleMetadata, Param } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import {
  CurrentLease,
  DistributedLockModule,
  FeatureLocks,
  type Lease,
  Locked,
  LockService,
} from '../../src/index.js';
import { ADAPTERS, memoryLocks, startApp, startUpError } from './support/start-app.js';

@Injectable()
class Invoices {
  constructor(readonly locks: FeatureLocks) {}

  @Locked('order:<id>')
  async pay(id: string, @CurrentLease() lease?: Lease) {
    return `${id} ${lease?.name}`;
  }

  @Locked((ids: string[]) => ids.map((id) => `order:${id}`))
  async all(_ids: string[], @CurrentLease() lease?: Lease) {
    return lease?.names;
  }
}

@Controller('orders/:id')
class Orders {
  @Get()
  @Locked('order:<id>')
  async show(@Param('id') _id: string, @CurrentLease() lease: Lease) {
    return lease.name;
  }

  @Get('late')
  @Locked('order:<id>', { phase: 'handler' })
  async late(@Param('id') _id: string, @CurrentLease() lease: Lease) {
    return lease.name;
  }
}

@Injectable()
class Shop {
  @Locked('order:<id>')
  async pay(id: string, @CurrentLease() lease?: Lease) {
    return `${id} ${lease?.name}`;
  }
}

function feature(prefix: string, parts: ModuleMetadata) {
  @Module({ ...parts, imports: [DistributedLockModule.forFeature({ prefix })] })
  class Feature {}
  return Feature;
}

describe.each(ADAPTERS)('a module that imports forFeature, on %s', (adapter) => {
  it('has its prefix before the names of its controllers and providers, and of no other module', async () => {
    const Billing = feature('billing', { controllers: [Orders], providers: [Invoices] });
    await using running = await startApp({ adapter, imports: [memoryLocks(), Billing], providers: [Shop] });
    const get = async (path: string) => (await fetch(`${running.url}/${path}`)).text();
    expect(await get('orders/7')).toBe('billing:order:7');
    expect(await get('orders/7/late')).toBe('billing:order:7');
    const invoices = running.app.get(Invoices, { strict: false });
    expect(await invoices.pay('7')).toBe('7 billing:order:7');
    expect(await invoices.all(['1', '2'])).toEqual(['billing:order:1', 'billing:order:2']);
    expect(await running.app.get(Shop).pay('7')).toBe('7 order:7');
    expect(running.logs.texts('warn').filter((text) => text.includes('FeatureLocks'))).toEqual([]);
  });
});

describe('FeatureLocks', () => {
  it('meets @Locked of its module, and nobody else: every method takes names without the prefix', async () => {
    const Billing = feature('billing', { providers: [Invoices] });
    await using running = await startApp({
      imports: [memoryLocks({ waitMs: 0 }), Billing],
      providers: [Shop],
    });
    const { locks } = running.app.get(Invoices, { strict: false });
    const lease = await locks.acquire('order:7');
    expect(lease.name).toBe('billing:order:7');
    await expect(running.app.get(Invoices, { strict: false }).pay('7')).rejects.toMatchObject({
      lockName: 'billing:order:7',
    });
    expect(await running.app.get(Shop).pay('7')).toBe('7 order:7');
    expect(await locks.tryAcquire('order:7')).toBeNull();
    expect(await locks.tryUsing(['x', { name: 'order:7' }], () => 1)).toEqual({ acquired: false });
    expect(await locks.isLocked('order:7')).toBe(true);
    expect((await locks.inspect('order:7')).name).toBe('billing:order:7');
    expect(running.app.get(LockService).held()).toMatchObject([{ name: locks.name('order:7') }]);
    await lease.release();
    expect(await locks.using(['a', 'b'], ({ names }) => names)).toEqual(['billing:a', 'billing:b']);
    expect(await locks.tryUsing('a', ({ name }) => name)).toEqual({ acquired: true, value: 'billing:a' });
    await expect(locks.acquire('')).rejects.toMatchObject({ code: 'LOCK_NAME_INVALID' });
    await expect(locks.acquire(5 as never)).rejects.toMatchObject({ code: 'LOCK_NAME_INVALID' });
  });

  it('serves two features of one application side by side, each with its own', async () => {
    @Injectable()
    class Stock extends Invoices {}
    const modules = [feature('billing', { providers: [Invoices] }), feature('stock', { providers: [Stock] })];
    await using running = await startApp({ imports: [memoryLocks(), ...modules] });
    expect(await running.app.get(Invoices, { strict: false }).pay('7')).toBe('7 billing:order:7');
    expect(await running.app.get(Stock, { strict: false }).pay('7')).toBe('7 stock:order:7');
    expect(running.app.get(Stock, { strict: false }).locks.prefix).toBe('stock');
  });
});

describe('what would lock under two names', () => {
  it('a class that modules with different prefixes list stops the start', async () => {
    const modules = [feature('billing', { providers: [Shop] }), feature('stock', { providers: [Shop] })];
    expect(await startUpError({ imports: [memoryLocks(), ...modules] })).toBe(
      'Shop is in Feature (prefix "billing") and in Feature (prefix "stock"), so DistributedLockModule.forFeature gives its locks two names; ' +
        'list it in one module, and export it',
    );
    const half = [feature('billing', { providers: [Shop] })];
    expect(await startUpError({ imports: [memoryLocks(), ...half], providers: [Shop] })).toMatch(
      /^Shop is in .*\(no prefix\)/,
    );
  });

  it('a class of the module that injects LockService is told of in a warning', async () => {
    @Injectable()
    class ByHand {
      constructor(readonly locks: LockService) {}
    }
    const Billing = feature('billing', { providers: [ByHand] });
    await using running = await startApp({ imports: [memoryLocks(), Billing] });
    expect(running.logs.texts('warn')).toContainEqual(
      expect.stringMatching(/^ByHand injects LockService in a module of .*'billing'.*inject FeatureLocks$/),
    );
  });

  it('a class without @Locked may be in several modules: nothing of it has a name of ours', async () => {
    @Injectable()
    class Clock {}
    const modules = [feature('billing', { providers: [Clock] }), feature('stock', { providers: [Clock] })];
    await using running = await startApp({ imports: [memoryLocks(), ...modules], providers: [Clock] });
    expect(running.app.get(Clock)).toBeInstanceOf(Clock);
  });

  it.each([
    [undefined, 'options must be an object'],
    [{}, 'prefix must be 1 to 64 letters, digits'],
    [{ prefix: 'a b' }, 'prefix must be'],
    [{ prefix: 'a', keyPrefix: 'b' }, 'option "keyPrefix" is not known here; known: prefix, service'],
    [{ prefix: 'a', service: '' }, 'service must be the name of a lock service'],
  ])('options that are wrong are refused at once: %j', (options, problem) => {
    expect(() => DistributedLockModule.forFeature(options as never)).toThrow(problem);
  });
});
