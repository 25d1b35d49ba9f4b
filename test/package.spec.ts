import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { transform } from '@swc/core';
import { Consumer } from './support/packed-package.js';

const ENTRY_POINTS = [
  'nestjs-distributed-lock',
  'nestjs-distributed-lock/engine',
  'nestjs-distributed-lock/testing',
  'nestjs-distributed-lock/engine/testing',
  'nestjs-distributed-lock/terminus',
  'nestjs-distributed-lock/postgres',
];
/** Entry points for one library each, which test/ecosystem has; here stands what they load of it. */
const WITH_PEER = [
  ['nestjs-distributed-lock/schedule', 'cron', 'exports.CronTime = class {};'],
  ['nestjs-distributed-lock/bullmq', 'bullmq', 'exports.DelayedError = class extends Error {};'],
] as const;

describe('the package, as npm would install it', () => {
  let consumer: Consumer;

  beforeAll(async () => {
    consumer = await Consumer.create();
  }, 60_000);

  afterAll(async () => {
    await consumer.remove();
  });

  it('contains what runs and its types, a README and a licence, and nothing else: no source, no map', async () => {
    const folder = join(consumer.folder, 'node_modules/nestjs-distributed-lock');
    const files = await readdir(folder, { recursive: true, withFileTypes: true });
    const paths = files
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
    const top = new Set(paths.map((path) => path.split('/').slice(0, 2).join('/')));
    expect([...top].toSorted()).toEqual([
      'LICENSE',
      'README.md',
      'dist/cjs',
      'dist/lib',
      'dist/src',
      'package.json',
    ]);
    expect(paths.filter((path) => /\.spec\.|(?<!\.d)\.ts$|\.lua$|\.map$/.test(path))).toEqual([]);
  });

  it.each(WITH_PEER)('%s says which optional peer is missing', async (entry, peer, _text) => {
    const missing = new RegExp(`Cannot find (package|module) '${peer}'`);
    await expect(consumer.node('-e', `require('${entry}')`)).rejects.toThrow(missing);
    await expect(consumer.node('--input-type=module', '-e', `import '${entry}'`)).rejects.toThrow(missing);
  });

  it.each(WITH_PEER)(
    'gives the same objects to require() and import() of %s, beside its peer %s',
    async (entry, peer, text) => {
      await consumer.write(`node_modules/${peer}/index.js`, text);
      await consumer.write('same-peer.cjs', SAME);
      await expect(consumer.node('same-peer.cjs', entry)).resolves.toBe('true');
    },
  );

  it.each(ENTRY_POINTS)(
    'gives the same objects to require() and import() of %s in one process',
    async (name) => {
      await consumer.write('same.cjs', SAME);
      await expect(consumer.node('same.cjs', name)).resolves.toBe('true');
    },
  );

  it('gives the same errors and functions from the Nest module and from the engine', async () => {
    await consumer.write(
      'names.mjs',
      `
      import * as nest from 'nestjs-distributed-lock';
      import * as engine from 'nestjs-distributed-lock/engine';
      console.log(['LockBusyError', 'LockLostError', 'LockStoreError', 'LockUsageError', 'lockName', 'memoryStore']
        .filter((name) => nest[name] === undefined || nest[name] !== engine[name]).join());`,
    );
    await expect(consumer.node('names.mjs')).resolves.toBe('');
  });

  it('has a value for each class that stands as the type of a decorated parameter, for compilers that keep the import', async () => {
    const { code } = await transform(TYPED_BY_CLASSES, {
      jsc: {
        target: 'es2022',
        parser: { syntax: 'typescript', decorators: true },
        transform: { legacyDecorator: true, decoratorMetadata: true },
      },
    });
    await consumer.write('swc.mjs', code);
    await expect(consumer.node('swc.mjs')).resolves.toBe('Lease,LockManager,LockService,LockBusyError');
  });

  it('runs the engine where ES modules cannot be required', async () => {
    await consumer.write(
      'old.cjs',
      `
      const { LockManager, memoryStore } = require('nestjs-distributed-lock/engine');
      const locks = new LockManager({ store: memoryStore() });
      locks.on('warning', () => {});
      locks.using('a', (lease) => lease.state).then((state) => {
        console.log(state, require.resolve('nestjs-distributed-lock/engine').includes('cjs'));
        return locks.close();
      });`,
    );
    await expect(consumer.node('--no-experimental-require-module', 'old.cjs')).resolves.toBe('held true');
  });

  it('lets nobody reach into its files', async () => {
    const reach = consumer.node('-e', `require('nestjs-distributed-lock/dist/lib/holding/lease.js')`);
    await expect(reach).rejects.toThrow('ERR_PACKAGE_PATH_NOT_EXPORTED');
  });

  it.each([
    { title: 'an ES module, nodenext', file: 'a.mts', module: 'nodenext' },
    { title: 'an ES module, bundler', file: 'b.mts', module: 'esnext', resolution: 'bundler' },
    { title: 'CommonJS, nodenext', file: 'c.cts', module: 'nodenext' },
    { title: 'CommonJS, node16', file: 'd.cts', module: 'node16' },
  ])('has types for $title', async ({ file, module, resolution }) => {
    await consumer.write(file, TYPED);
    const target = ['--target', 'es2022', '--strict', '--noEmit', '--types', 'node', '--skipLibCheck'];
    const how = ['--module', module, ...(resolution === undefined ? [] : ['--moduleResolution', resolution])];
    const decorators = ['--experimentalDecorators', '--emitDecoratorMetadata'];
    await expect(consumer.complaints(...how, ...target, ...decorators, file)).resolves.toBe('');
  });
});

const SAME = `
  const required = require(process.argv[2]);
  import(process.argv[2]).then((imported) => {
    const names = Object.keys(imported).filter((name) => name !== 'module.exports');
    console.log(names.length > 0 && names.every((name) => imported[name] === required[name]));
  });`;

const TYPED_BY_CLASSES = `
import 'reflect-metadata';
import { CurrentLease, Lease, LockBusyError, Locked, LockManager, LockService } from 'nestjs-distributed-lock';
class Groups {
  @Locked('group:<0>')
  async join(@CurrentLease() lease: Lease, manager: LockManager, service: LockService, error: LockBusyError): Promise<void> {}
}
console.log(Reflect.getMetadata('design:paramtypes', Groups.prototype, 'join').map(({ name }) => name).join());
`;

const TYPED = `
import { CurrentLease, DistributedLockModule, Locked, LockService, Lease } from 'nestjs-distributed-lock';
import { LockBusyError, LockManager, redisStore } from 'nestjs-distributed-lock/engine';
import { ManualClock } from 'nestjs-distributed-lock/testing';
import { OncePerTick } from 'nestjs-distributed-lock/schedule';
import { delayWhenBusy } from 'nestjs-distributed-lock/bullmq';

export const putOff: (error: unknown) => Promise<never> = delayWhenBusy({ moveToDelayed: async () => {} }, 'token');
export class Groups {
  @OncePerTick('job', { rememberMs: 5_000 })
  async tick(): Promise<void> {}

  constructor(private readonly locks: LockService) {}
  @Locked('group:<id>')
  async join(id: string, @CurrentLease() lease: Lease): Promise<number> {
    const fence: number = await this.locks.using('other', (other) => other.fencingToken);
    return fence + lease.fencingToken;
  }
}
export const imported = DistributedLockModule.forRoot({ redis: 'redis://localhost' });
export const manager = new LockManager({ store: redisStore({ url: '' }), clock: new ManualClock() });
// @ts-expect-error a name must be a string: proves that the types are there and are not any
void manager.acquire(5);
// @ts-expect-error the store's record, with the owner token in it, is nobody's business
void manager.acquire('a').then((lease) => lease.hold);
// @ts-expect-error leases come from a lock manager
export const made = new Lease();
// @ts-expect-error the same for errors
export const wrong: number = new LockBusyError('a', { retryAfterMs: 1 }).code;
`;
