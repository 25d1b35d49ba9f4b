import 'reflect-metadata';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { PassThrough } from 'node:stream';
import { Controller, Get, Inject, Injectable, Res, Sse, StreamableFile } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import { Locked, LockService } from 'nestjs-distributed-lock';
import { Observable } from 'rxjs';

import { ADAPTERS, startApp, until } from '../support/application.js';

@Injectable()
class Stage {
  readonly file = new PassThrough();
  readonly seen: string[] = [];
  open: () => void = () => undefined;
  readonly gate = new Promise<void>((resolve) => (this.open = resolve));

  constructor(@Inject(LockService) private readonly locks: LockService) {}

  see(what: string): void {
    this.seen.push(`${what}, held ${this.locks.held().length}`);
  }
}

@Controller()
class StreamsController {
  constructor(@Inject(Stage) private readonly stage: Stage) {}

  @Get('file')
  @Locked('x')
  async file(): Promise<StreamableFile> {
    return new StreamableFile(this.stage.file);
  }

  @Get('file-late')
  @Locked('x', { phase: 'handler' })
  async fileLate(): Promise<StreamableFile> {
    return new StreamableFile(this.stage.file);
  }

  @Sse('events')
  @Locked('x')
  events(): Observable<{ data: object }> {
    return new Observable((subscriber) => {
      subscriber.next({ data: { first: 1 } });
      return () => this.stage.see('teardown');
    });
  }

  @Get('slow')
  @Locked('x')
  async slow(): Promise<string> {
    this.stage.see('begins');
    await this.stage.gate;
    this.stage.see('ends');
    return 'slow';
  }

  @Get('generator')
  @Locked('x')
  async *generator(): AsyncGenerator<string> {
    try {
      yield 'first\n';
      await this.stage.gate;
      yield 'second\n';
    } finally {
      this.stage.see('finally');
    }
  }

  @Get('by-hand')
  @Locked('x')
  byHand(@Res() response: { raw?: { write(text: string): void; end(): void } }): Promise<void> {
    const raw = response.raw ?? (response as { write(text: string): void; end(): void });
    raw.write('first');
    void this.stage.gate.then(() => {
      this.stage.see('by hand');
      raw.end();
    });
    return Promise.resolve();
  }
}

async function open(url: string) {
  const sent = request(url).end();
  sent.on('error', () => undefined);
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  answer.on('error', () => undefined);
  return { answer, hangUp: () => sent.destroy() };
}

describe.each(ADAPTERS)('on %s a lock is held', (adapter) => {
  const start = async () => {
    const running = await startApp({ adapter, controllers: [StreamsController], providers: [Stage] });
    const free = () => until(() => running.locks.held().length === 0, 'the lock is given back');
    return { ...running, free, stage: running.get(Stage) };
  };

  it.each(['file', 'file-late'])('to the last byte of a StreamableFile: %s', async (path) => {
    await using running = await start();
    running.stage.file.write('first');
    const { answer } = await open(`${running.url}/${path}`);
    await once(answer, 'data');
    expect(running.locks.held()).toHaveLength(1);
    running.stage.file.end('last');
    answer.resume();
    await once(answer, 'end');
    await running.free();
  });

  it('until the client of a StreamableFile hangs up', async () => {
    await using running = await start();
    running.stage.file.write('first');
    const { hangUp } = await open(`${running.url}/file`);
    expect(running.locks.held()).toHaveLength(1);
    hangUp();
    await running.free();
  });

  it('until the producer of server-sent events was torn down', async () => {
    await using running = await start();
    const { answer, hangUp } = await open(`${running.url}/events`);
    await once(answer, 'data');
    expect(running.locks.held()).toHaveLength(1);
    hangUp();
    await running.free();
    expect(running.stage.seen).toEqual(['teardown, held 1']);
  });

  it('until the client has gone and the handler has settled', async () => {
    await using running = await start();
    const sent = request(`${running.url}/slow`).end();
    sent.on('error', () => undefined);
    await until(() => running.stage.seen.length === 1, 'the handler runs');
    sent.destroy();
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(running.locks.held()).toHaveLength(1);
    running.stage.open();
    await running.free();
    expect(running.stage.seen).toEqual(['begins, held 1', 'ends, held 1']);
  });

  it('until a response that the handler writes itself is over', async () => {
    await using running = await start();
    const { answer } = await open(`${running.url}/by-hand`);
    await once(answer, 'data');
    expect(running.locks.held()).toHaveLength(1);
    running.stage.open();
    answer.resume();
    await once(answer, 'end');
    await running.free();
    expect(running.stage.seen).toEqual(['by hand, held 1']);
  });

  /** Nest 11 has no such answers: it sends {} and never asks the generator for anything. */
  it('until an async generator has ended, or was never begun', async () => {
    await using running = await start();
    const { answer } = await open(`${running.url}/generator`);
    const [first] = (await once(answer, 'data')) as [Buffer];
    if (first.toString() !== '{}') {
      expect(running.locks.held()).toHaveLength(1);
      running.stage.open();
    }
    answer.resume();
    if (!answer.readableEnded) await once(answer, 'end');
    await running.free();
    expect(running.stage.seen).toEqual(first.toString() === '{}' ? [] : ['finally, held 1']);
  });
});
