import 'reflect-metadata';
import { Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MurLockModule, MurLockService } from 'murlock';

import { type Adapter, LEASE_MS, type LockClient, type OpenOptions, RETRY_MS } from './adapter.js';

@Module({})
class AppModule {}

async function open({ url }: OpenOptions): Promise<LockClient> {
  Logger.overrideLogger(false);
  const murlock = MurLockModule.forRoot({
    redisOptions: { url },
    wait: RETRY_MS,
    maxAttempts: 1, // not used when blocking
    blocking: true, // waits as long as it takes
    logLevel: 'error',
  });
  const app = await NestFactory.createApplicationContext({ module: AppModule, imports: [murlock] });
  const service = app.get(MurLockService);
  return {
    using: (name, work) => service.runWithLock(name, LEASE_MS, work),
    close: () => app.close(),
  };
}

export const murlock: Adapter = {
  id: 'murlock',
  label: 'murlock',
  packageName: 'murlock',
  setUp: `MurLockService.runWithLock in a Nest application context (its own node-redis 4); blocking, wait: ${RETRY_MS}`,
  renewsAt: null,
  open,
};
