import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { DistributedLockModule, Locked, LockService } from '../../src/index.js';

/**
 * An application that does not start, and only says so: nothing then keeps the process alive. Or one that starts and does nothing but
 * ask for a lock: that does. Arguments: the URL of Redis, the story, the port to listen on.
 */
const [, , url = '', story, port] = process.argv;

@Injectable()
class Typo {
  @Locked('order:<nope>')
  async pay(orderId: string): Promise<string> {
    return orderId;
  }
}

class Fails {
  constructor(protected readonly locks: LockService) {}
}

@Injectable()
class FailsInInit extends Fails {
  constructor(locks: LockService) {
    super(locks);
  }
  async onModuleInit(): Promise<void> {
    if (story === 'module') await this.locks.ready(); // our own start is through, too
    throw Object.assign(new Error('no'), { code: 'THEIR_MODULE' });
  }
}

@Injectable()
class FailsAtBootstrap extends Fails {
  constructor(locks: LockService) {
    super(locks);
  }
  onApplicationBootstrap(): void {
    throw Object.assign(new Error('no'), { code: 'THEIR_BOOTSTRAP' });
  }
}

@Injectable()
class AsksInInit extends Fails {
  constructor(locks: LockService) {
    super(locks);
  }
  async onModuleInit(): Promise<void> {
    await using lease = await this.locks.tryAcquire('free');
    console.log(lease === null ? 'busy' : 'granted');
  }
}

const providers = {
  template: [Typo],
  module: [FailsInInit],
  'module, Redis away': [FailsInInit],
  bootstrap: [FailsAtBootstrap],
  'asks in init': [AsksInInit],
}[String(story)];
const startup = story === 'module, Redis away' ? 'background' : 'require';

@Module({ imports: [DistributedLockModule.forRoot({ redis: url, startup })], providers: providers ?? [] })
class AppModule {}

try {
  const app = await NestFactory.create(AppModule, { logger: false, abortOnError: false });
  if (story === 'listen') await app.listen(Number(port), '127.0.0.1');
  else await app.init();
  console.log('started');
  if (story === 'waits') {
    const locks = app.get(LockService);
    locks.on('waiting', () => console.log('waiting'));
    await locks.using('held', () => console.log('granted'), { waitMs: Infinity });
  }
  if (story === 'waits' || story === 'asks in init') await app.close();
} catch (error) {
  console.log((error as { code?: string }).code);
}
