import { Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from '@jest/globals';
import { Locked, LockService } from '../../src/index.js';
import { failureOf } from '../support/failure-of.js';
import { until } from './support/gate.js';
import { memoryLocks } from './support/start-app.js';

const numbers = () => {
  let next = 0;
  return new ReadableStream<number>({
    pull: (controller) => (next < 3 ? controller.enqueue(next++) : controller.close()),
  });
};

@Injectable()
class Exports {
  @Locked('export')
  async web(): Promise<ReadableStream<number>> {
    return numbers();
  }

  @Locked('export')
  async failing(): Promise<ReadableStream<number>> {
    return new ReadableStream({
      pull: () => {
        throw new Error('the disk is gone');
      },
    });
  }

  @Locked('export')
  async bytes(): Promise<ReadableStream<Uint8Array>> {
    let sent = false;
    return new ReadableStream({
      type: 'bytes',
      pull: (controller) => {
        if (sent) {
          controller.close();
          controller.byobRequest?.respond(0);
        } else controller.enqueue(new Uint8Array([1, 2]));
        sent = true;
      },
    });
  }

  @Locked('export')
  async taken(): Promise<ReadableStream<number>> {
    const stream = numbers();
    stream.getReader();
    return stream;
  }

  @Locked('export')
  async foreign(): Promise<AsyncIterable<number>> {
    return {
      async *[Symbol.asyncIterator]() {
        yield 1;
        yield 2;
      },
    };
  }

  /** As of a database: its `next` gives rows, and null at the end. */
  @Locked('export')
  async cursor(): Promise<{ next(): Promise<number | null> }> {
    let left = 2;
    const next = async () => (left > 0 ? left-- : null);
    return { next, [Symbol.asyncIterator]: async function* () {} } as never;
  }
}

async function start() {
  @Module({ imports: [memoryLocks()], providers: [Exports] })
  class ExportsModule {}
  const testing = await Test.createTestingModule({ imports: [ExportsModule] }).compile();
  await testing.init();
  const locks = testing.get(LockService);
  const held = () => locks.held().length;
  const free = () => until(() => held() === 0, 'the lock is given back');
  return { exports: testing.get(Exports), held, free, [Symbol.asyncDispose]: () => testing.close() };
}

describe('the lock of a service method is held until', () => {
  it('its web stream has been read to the end', async () => {
    await using started = await start();
    const stream = await started.exports.web();
    const read: unknown[] = [];
    for await (const value of stream) read.push([value, started.held()]);
    expect(read).toEqual([
      [0, 1],
      [1, 1],
      [2, 1],
    ]);
    await started.free();
  });

  it('its web stream is cancelled', async () => {
    await using started = await start();
    const stream = await started.exports.web();
    expect([stream.locked, started.held()]).toEqual([false, 1]);
    await stream.cancel('enough');
    await started.free();
  });

  it('its web stream fails, which its reader is told', async () => {
    await using started = await start();
    const reader = (await started.exports.failing()).getReader();
    expect(started.held()).toBe(1);
    expect((await failureOf(reader.read())).message).toBe('the disk is gone');
    await started.free();
  });

  it('its stream of bytes has been read to the end, into a buffer of the reader too', async () => {
    await using started = await start();
    const reader = (await started.exports.bytes()).getReader({ mode: 'byob' });
    const first = await reader.read(new Uint8Array(8));
    expect([[...first.value!], started.held()]).toEqual([[1, 2], 1]);
    expect((await reader.read(new Uint8Array(8))).done).toBe(true);
    await started.free();
  });

  it('the method returns, when somebody reads its web stream already', async () => {
    await using started = await start();
    expect((await started.exports.taken()).locked).toBe(true);
    await started.free();
  });

  it('what it returned has been iterated to the end', async () => {
    await using started = await start();
    const read: unknown[] = [];
    for await (const value of await started.exports.foreign()) read.push([value, started.held()]);
    expect(read).toEqual([
      [1, 1],
      [2, 1],
    ]);
    await started.free();
  });

  it('an iteration of what it returned is left', async () => {
    await using started = await start();
    for await (const value of await started.exports.foreign()) {
      expect([value, started.held()]).toEqual([1, 1]);
      break;
    }
    await started.free();
  });

  it('its cursor has given its last row', async () => {
    await using started = await start();
    const cursor = await started.exports.cursor();
    expect([await cursor.next(), await cursor.next(), started.held()]).toEqual([2, 1, 1]);
    expect(await cursor.next()).toBeNull();
    await started.free();
  });
});
