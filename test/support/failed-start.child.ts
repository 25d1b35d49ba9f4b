import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { DistributedLockModule } from '../../src/index.js';

/** An application whose store refuses it, and which only says so. Nothing then keeps the process alive. */
const module = DistributedLockModule.forRoot({ redis: process.argv[2] ?? '' });
try {
  const app = await NestFactory.create(module, { logger: false, abortOnError: false });
  await app.init();
  console.log('started');
} catch (error) {
  console.log((error as { code?: string }).code);
}
