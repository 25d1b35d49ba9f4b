import 'reflect-metadata';
import { describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  DistributedLockModule,
  Locked,
  type LockedOptions,
  LockService,
  memoryStore,
} from '../../src/index.js';
import { wrapStore } from '../../lib/testing/contract/contract-bench.js';

/** Says how many were inside at most. */
class Crowd {
  most = 0;
  #inside = 0;

  async section(): Promise<void> {
    this.most = Math.max(this.most, ++this.#inside);
    await new Promise(setImmediate);
    this.#inside -= 1;
  }
}

const sectionOfCrowd = Object.getOwnPropertyDescriptor(Crowd.prototype, 'section')!;

async function start(options: LockedOptions, store = memoryStore()) {
  @Injectable()
  class Reports extends Crowd {
    @Locked('report:<id>', options)
    async read(id: string): Promise<string> {
      await this.section();
      return id;
    }
  }
  const testing = await Test.createTestingModule({
    imports: [DistributedLockModule.forRoot({ store })],
    providers: [Reports],
  }).compile();
  await testing.init();
  return { testing, reports: testing.get(Reports), locks: testing.get(LockService) };
}

describe('@Locked', () => {
  it.each([
    [{ mode: 'shared' } as const, 5],
    [{ limit: 2 }, 2],
    [{ limit: 4, weight: 2 }, 2],
    [{ mode: 'upgradeable' } as const, 1],
    [{}, 1],
  ])('with %j lets %i of five calls in at once', async (options, most) => {
    const { testing, reports } = await start(options);
    await Promise.all(Array.from({ length: 5 }, () => reports.read('7')));
    expect(reports.most).toBe(most);
    await testing.close();
  });

  it.each([
    [{ limit: 0 }, 'limit must be an integer from 1 to 1000000000, got 0'],
    [{ limit: 2, weight: 3 }, 'weight must be an integer from 1 to 2, got 3'],
    [{ mode: 'shared', limit: 2 } as const, 'mode must be left out where there is a limit'],
  ])('with %j cannot be defined', (options, problem) => {
    const define = () => Locked('report:<id>', options)(Crowd.prototype, 'section', sectionOfCrowd);
    expect(define).toThrow(`@Locked on Crowd.section: ${problem}`);
    expect(define).toThrow(expect.objectContaining({ code: 'LOCK_OPTIONS_INVALID' }));
  });

  it('that asks for a kind of lock which its store does not have stops the start, and names the method', async () => {
    const plain = memoryStore();
    const capabilities = { ...plain.capabilities, modes: ['exclusive'] as const, limits: false };
    const exclusive = () => wrapStore(memoryStore(), { capabilities });
    const shared = start({ mode: 'shared' }, exclusive());
    await expect(shared).rejects.toMatchObject({ code: 'LOCK_STORE_UNSUPPORTED' });
    await expect(start({ limit: 3 }, exclusive())).rejects.toThrow(
      '@Locked on Reports.read: the store "memory" has no limits; it has exclusive',
    );
  });
});
