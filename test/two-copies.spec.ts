import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { Consumer } from './support/packed-package.js';

/**
 * A feature library of a monorepo brings a copy of this package of its own: its decorators, its error classes and the class it injects
 * meet the module of the application.
 */
describe('a library with a copy of this package of its own', () => {
  let consumer: Consumer;

  beforeAll(async () => {
    consumer = await Consumer.create();
    await library('same', (text) => text);
    // Its CommonJS build in the same process as our ES modules: what require() loads where it cannot load ES modules.
    await library('cjs', (text, file) =>
      file === 'package.json' ? text.replaceAll('"./dist/src', '"./dist/cjs/src') : text,
    );
    await library('newer', (text, file) =>
      file === 'package.json'
        ? text.replace(/"version": "[^"]+"/, '"version": "9.8.7"')
        : text.replace('COPY_FORMAT = 1', 'COPY_FORMAT = 2'),
    );
    await consumer.write('app.mjs', APP);
  }, 60_000);

  afterAll(async () => {
    await consumer.remove();
  });

  async function library(name: string, change: (text: string, file: string) => string): Promise<void> {
    const copy = join(consumer.folder, name, 'node_modules/nestjs-distributed-lock');
    await cp(join(consumer.folder, 'node_modules/nestjs-distributed-lock'), copy, { recursive: true });
    for (const file of [
      'package.json',
      'dist/lib/runtime/process-wide.js',
      'dist/cjs/lib/runtime/process-wide.js',
    ]) {
      await writeFile(join(copy, file), change(await readFile(join(copy, file), 'utf8'), file));
    }
    await consumer.write(join(name, 'feature.mjs'), FEATURE);
  }

  const run = async (...args: string[]) =>
    JSON.parse(await consumer.node('app.mjs', ...args)) as Record<string, unknown>;

  describe.each(['same', 'cjs'])('(%s)', (name) => {
    it('is locked over HTTP, told busy with its own status, and given its lease', async () => {
      expect(await run(name, 'http')).toEqual({
        differs: true,
        order: 'in out in out',
        lease: 'number',
        slow: [200, 200],
        fast: 409,
        left: 400,
      });
    });

    it('locks its services against the application, and recognises our errors as its own', async () => {
      expect(await run(name, 'service')).toEqual({
        guarded: 'LOCK_BUSY',
        isBusyThere: true,
        isBusyHere: true,
        isLostThere: false,
        isOfSubclass: false,
      });
    });

    it('is given our lock service for its own class, also when it is loaded after the module was configured', async () => {
      expect(await run(name, 'inject')).toEqual({ injected: true });
      expect(await run(name, 'inject', 'late')).toEqual({ injected: true });
    });

    it('shares the double that a test puts in the place of LockService', async () => {
      expect(await run(name, 'double')).toEqual({ injected: 'the double' });
    });

    it('may bring a module with another name, and a second default one is refused with both places', async () => {
      expect(await run(name, 'named')).toEqual({ named: true });
      const { error } = await run(name, 'twice');
      expect(error).toContain('registers the lock service "default" twice');
      if (name === 'same') expect(error).toMatch(/copies of nestjs-distributed-lock: \S+\/node_modules\/\S+/);
    });
  });

  it('of a version that does not understand ours stops the start and says where both are, when it is used', async () => {
    for (const how of ['http', 'service', 'inject', 'named-service']) {
      const { error } = await run('newer', how);
      expect(error).toContain('two copies of nestjs-distributed-lock that do not understand each other');
      expect(error).toMatch(/newer\/node_modules\/nestjs-distributed-lock 9\.8\.7/);
      expect(error).toMatch(/(?<!\/newer)\/node_modules\/nestjs-distributed-lock 0\./);
    }
    expect(await run('newer', 'unused')).toEqual({ started: true });
  });
});

const FEATURE = `
import { Controller, Get, Injectable, Param } from '@nestjs/common';
import { CurrentLease, DistributedLockModule, LockBusyError, LockLostError, Locked, LockService } from 'nestjs-distributed-lock';
export { DistributedLockModule, LockBusyError, Locked, LockLostError, LockService };
const decorate = (prototype, name, ...decorators) => {
  const descriptor = Object.getOwnPropertyDescriptor(prototype, name);
  for (const decorator of decorators.reverse()) decorator(prototype, name, descriptor);
  Object.defineProperty(prototype, name, descriptor);
};
export const calls = [];
export class Orders {
  async slow(orderId, lease) {
    calls.push('in');
    Orders.lease = typeof lease.fencingToken;
    await new Promise((resolve) => setTimeout(resolve, 200));
    calls.push('out');
  }
  async fast() {}
  async left() {}
}
Param('orderId')(Orders.prototype, 'slow', 0);
CurrentLease()(Orders.prototype, 'slow', 1);
Param('orderId')(Orders.prototype, 'fast', 0);
decorate(Orders.prototype, 'slow', Get('slow/:orderId'), Locked('order:<orderId>'));
decorate(Orders.prototype, 'fast', Get('fast/:orderId'), Locked('order:<orderId>', { onBusy: 'reject', busyStatus: 409, phase: 'handler' }));
decorate(Orders.prototype, 'left', Get('left'), Locked('order:<query.id>', { phase: 'handler' }));
Controller('orders')(Orders);
export class Guarded { async run(orderId) {} }
decorate(Guarded.prototype, 'run', Locked('order:<orderId>', { waitMs: 20 }));
Injectable()(Guarded);
export class NamedGuarded { async run(orderId) {} }
decorate(NamedGuarded.prototype, 'run', Locked('order:<orderId>', { service: 'jobs' }));
Injectable()(NamedGuarded);
export class Injected { constructor(locks) { this.locks = locks; } }
Reflect.defineMetadata('design:paramtypes', [LockService], Injected);
Injectable()(Injected);
`;

const APP = `
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { DistributedLockModule, LockBusyError, Locked, LockService, lockServiceToken, memoryStore } from 'nestjs-distributed-lock';
process.removeAllListeners('warning').on('warning', () => {});
const [, , library, story, late] = process.argv;
const load = () => import('./' + library + '/feature.mjs');
const early = late === undefined ? await load() : undefined;
const module = (providers, extra = {}) => {
  const lockModule = DistributedLockModule.forRoot({ store: memoryStore() });
  return async (feature) => {
    class AppModule {}
    Module({ imports: [lockModule, ...(extra.imports?.(feature) ?? [])], ...providers(feature) })(AppModule);
    return AppModule;
  };
};
const options = { logger: false, abortOnError: false };
const context = async (...args) =>
  NestFactory.createApplicationContext(await module(...args)(early ?? (await load())), options);
const stories = {
  async http() {
    const app = await NestFactory.create(await module(({ Orders }) => ({ controllers: [Orders] }))(early), options);
    await app.listen(0, '127.0.0.1');
    const url = await app.getUrl();
    const get = async (path) => (await fetch(url + '/orders/' + path)).status;
    const first = get('slow/7');
    while (early.calls.length === 0) await new Promise(setImmediate);
    const second = get('slow/7');
    const fast = await get('fast/7');
    const left = await get('left');
    const slow = await Promise.all([first, second]);
    await app.close();
    return { differs: early.Locked !== Locked, order: early.calls.join(' '), lease: early.Orders.lease, slow, fast, left };
  },
  async service() {
    const app = await context(({ Guarded }) => ({ providers: [Guarded] }));
    const lease = await app.get(LockService).acquire('order:7');
    const error = await app.get(early.Guarded).run('7').catch((failure) => failure);
    await lease.release();
    await app.close();
    class Mine extends early.LockBusyError {}
    return {
      guarded: error.code,
      isBusyThere: error instanceof early.LockBusyError,
      isBusyHere: error instanceof LockBusyError,
      isLostThere: error instanceof early.LockLostError,
      isOfSubclass: error instanceof Mine,
    };
  },
  async inject() {
    const app = await context(({ Injected }) => ({ providers: [Injected] }));
    const { Injected } = early ?? (await load());
    const injected = app.get(Injected).locks === app.get(LockService);
    await app.close();
    return { injected };
  },
  async double() {
    const AppModule = await module(({ Injected }) => ({ providers: [Injected] }))(early);
    const testing = await Test.createTestingModule({ imports: [AppModule] })
      .overrideProvider(LockService).useValue('the double').compile();
    return { injected: testing.get(early.Injected).locks };
  },
  async named() {
    const imports = ({ DistributedLockModule: Theirs }) => [Theirs.forRoot({ name: 'jobs', store: memoryStore() })];
    const app = await context(() => ({}), { imports });
    const named = app.get(lockServiceToken('jobs')) !== app.get(LockService);
    await app.close();
    return { named };
  },
  async twice() {
    await context(() => ({}), { imports: ({ DistributedLockModule: Theirs }) => [Theirs.forRoot({ store: memoryStore() })] });
  },
  async 'named-service'() {
    const imports = () => [DistributedLockModule.forRoot({ name: 'jobs', store: memoryStore() })];
    await context(({ NamedGuarded }) => ({ providers: [NamedGuarded] }), { imports });
  },
  async unused() {
    await (await context(() => ({}))).close();
    return { started: true };
  },
};
const result = await stories[story]().catch((error) => ({ error: error.message }));
console.log(JSON.stringify(result));
process.exit();
`;
