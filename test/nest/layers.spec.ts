import 'reflect-metadata';
import { describe, expect, it } from '@jest/globals';
import { Injectable, type Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  DistributedLockModule,
  type DistributedLockOptions,
  Locked,
  LockService,
  memoryStore,
} from '../../src/index.js';
import { wrapStore } from '../../lib/testing/contract/contract-bench.js';
import { failureOf } from '../support/failure-of.js';

@Injectable()
class Groups {
  constructor(readonly locks: LockService) {}

  @Locked('group:<groupId>', { layers: true })
  async close(groupId: string, work: () => Promise<void>): Promise<string> {
    await work();
    return groupId;
  }

  @Locked('group:<groupId>/message:<messageId>', { layers: true, onBusy: 'reject' })
  async edit(groupId: string, messageId: string): Promise<string> {
    return `${groupId}/${messageId}`;
  }
}

@Injectable()
class Plain {
  @Locked('group:<id>')
  async close(id: string): Promise<string> {
    return id;
  }
}

@Injectable()
class Elsewhere {
  @Locked('user:<id>/device:<device>')
  async pair(id: string, device: string): Promise<string> {
    return `${id}/${device}`;
  }
}

async function start(providers: Type[], options: Partial<DistributedLockOptions> = {}) {
  const testing = await Test.createTestingModule({
    imports: [DistributedLockModule.forRoot({ store: memoryStore(), ...options })],
    providers,
  }).compile();
  await testing.init();
  return testing;
}

describe('@Locked with layers', () => {
  it('on a whole excludes those on its parts, and parts of another whole go on', async () => {
    const app = await start([Groups]);
    const groups = app.get(Groups);
    await groups.close('42', async () => {
      const edits = () => [groups.edit('42', '7'), groups.edit('43', '7')];
      const [own, other] = await Promise.allSettled(app.get(LockService).detached(edits));
      expect(own).toMatchObject({ reason: { code: 'LOCK_BUSY', lockName: 'group:42' } });
      expect(other).toMatchObject({ value: '43/7' });
    });
    await expect(groups.edit('42', '7')).resolves.toBe('42/7');
    await app.close();
  });

  it('stops the start where a root is used with layers and without, and names both methods', async () => {
    const { message } = await failureOf(start([Groups, Plain]));
    expect(message).toBe(
      `@Locked('group:<id>') on Plain.close has no layers, and @Locked('group:<groupId>/message:<messageId>') on Groups.edit has: ` +
        'under one root ("group:<>") the first would not see the locks of the second; give all of them layers: true, or set it for the module',
    );
  });

  it('may stand beside other roots without layers, and is right for all when the module says so', async () => {
    const beside = await start([Groups, Elsewhere]);
    const all = await start([Groups, Plain, Elsewhere], { layers: true });
    await expect(all.get(Plain).close('42')).resolves.toBe('42');
    await Promise.all([beside.close(), all.close()]);
  });

  it('stops the start where the store has none', async () => {
    const plain = memoryStore();
    const capabilities = { ...plain.capabilities, modes: ['exclusive'] as const };
    const store = wrapStore(memoryStore(), { capabilities });
    const { code, message } = await failureOf(start([Groups], { store }));
    expect([code, message]).toEqual([
      'LOCK_STORE_UNSUPPORTED',
      '@Locked on Groups.close: the store "memory" has no layers; it has exclusive and limits',
    ]);
  });
});
