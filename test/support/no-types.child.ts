import 'reflect-metadata';
import { Controller, Get, Module, Param, ParseIntPipe } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { DistributedLockModule, Locked, LockService, memoryStore } from '../../src/index.js';

/** An application built with or without decorator metadata: what it says when it starts, and the names of two requests for one order. */
@Controller('orders')
class OrdersController {
  @Get(':id')
  @Locked('order:<id>')
  async read(@Param('id') id: number) {
    return id;
  }

  @Get(':id/parsed')
  @Locked('order:<id>')
  async parsed(@Param('id', ParseIntPipe) id: number) {
    return id;
  }
}

@Module({
  imports: [DistributedLockModule.forRoot({ store: memoryStore() })],
  controllers: [OrdersController],
})
class AppModule {}

const warnings: string[] = [];
const names: string[] = [];
const say = (text: unknown) => warnings.push(String(text));
const app = await NestFactory.create(AppModule, { logger: { log() {}, warn: say, error: say } });
app.get(LockService).on('acquired', ({ name }) => names.push(name));
await app.listen(0, '127.0.0.1');
for (const id of ['5', '05']) await fetch(`${await app.getUrl()}/orders/${id}`);
await app.close();
console.log(
  JSON.stringify({ names, warnings: warnings.filter((text) => text.includes('OrdersController')) }),
);
