import { once } from 'node:events';
import { request, type Server } from 'node:http';
import { PassThrough } from 'node:stream';
import { promisify } from 'node:util';
import {
  type CallHandler,
  Controller,
  type ExecutionContext,
  Get,
  Inject,
  Injectable,
  type NestInterceptor,
  Param,
  type PipeTransform,
  Res,
  Sse,
  StreamableFile,
  UseInterceptors,
} from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import { from, map, Observable, switchMap } from 'rxjs';
import { Locked, LockService } from '../../src/index.js';
import { Gate, settled, until } from './support/gate.js';
import { ADAPTERS, type AppParts, startApp } from './support/start-app.js';

/** One per application: what the handlers wait for and what they saw. */
@Injectable()
class Stage {
  readonly gate = new Gate();
  readonly file = new PassThrough();
  readonly seen: string[] = [];

  constructor(@Inject(LockService) private readonly locks: LockService) {}

  see(what: string): void {
    this.seen.push(`${what}, held ${this.locks.held().length}`);
  }
}

@Injectable()
class Transaction implements NestInterceptor {
  constructor(@Inject(Stage) private readonly stage: Stage) {}

  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const commit = async (value: unknown) => {
      await new Promise((resolve) => setImmediate(resolve));
      this.stage.see('commit');
      return value;
    };
    return next.handle().pipe(switchMap((value) => from(commit(value))));
  }
}

@Injectable()
class Replacing implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(map(() => 'replaced'));
  }
}

@Injectable()
class SlowPipe implements PipeTransform {
  constructor(@Inject(Stage) private readonly stage: Stage) {}

  async transform(value: unknown): Promise<unknown> {
    await this.stage.gate.pass();
    return value;
  }
}

interface RawReply {
  readonly raw?: { end(text: string): void };
  end?(text: string): void;
}

@Controller()
class StreamsController {
  constructor(@Inject(Stage) private readonly stage: Stage) {}

  @Get('file')
  @Locked('x')
  file(): StreamableFile {
    return new StreamableFile(this.stage.file);
  }

  @Get('file-after-pipes')
  @Locked('x', { phase: 'handler' })
  async fileAfterPipes(): Promise<StreamableFile> {
    return new StreamableFile(this.stage.file);
  }

  @Get('generator')
  @Locked('x')
  async *generator() {
    try {
      yield 'first\n';
      await this.stage.gate.pass();
      yield 'second\n';
    } finally {
      this.stage.see('finally');
    }
  }

  @Get('replaced')
  @Locked('x')
  @UseInterceptors(Replacing)
  async *replaced() {
    yield 'never asked for';
  }

  @Get('slow')
  @Locked('x')
  @UseInterceptors(Transaction)
  async slow() {
    await this.stage.gate.pass();
    this.stage.see('end of handler');
    return 'slow';
  }

  @Sse('events')
  @Locked('x')
  events(): Observable<{ data: string }> {
    return new Observable((subscriber) => {
      subscriber.next({ data: 'first' });
      return () => this.stage.see('teardown');
    });
  }

  @Sse('late-events')
  @Locked('x')
  async lateEvents(): Promise<Observable<{ data: string }>> {
    await this.stage.gate.pass();
    this.stage.see('end of handler');
    return from([{ data: 'only' }]);
  }

  @Get('by-hand')
  @Locked('x')
  async byHand(@Res() response: RawReply): Promise<void> {
    void this.stage.gate.pass().then(() => {
      this.stage.see('by hand');
      (response.raw ?? (response as { end(text: string): void })).end('by hand');
    });
  }

  @Sse('piped/:id')
  @Locked('x')
  piped(@Param('id', SlowPipe) id: string): Observable<{ data: string }> {
    this.stage.see(`handler ${id}`);
    return from([{ data: id }]);
  }
}

/** A client that reads what comes and can hang up. */
async function open(url: string) {
  const sent = request(url).end();
  const [answer] = (await once(sent, 'response')) as [NodeJS.ReadableStream];
  answer.on('error', () => undefined);
  return { answer, hangUp: () => sent.destroy() };
}

describe.each(ADAPTERS)('what a lock covers on %s', (adapter) => {
  const parts: AppParts = {
    adapter,
    controllers: [StreamsController],
    providers: [Stage, Transaction, Replacing, SlowPipe],
  };
  const start = async () => {
    const running = await startApp(parts);
    const locks = running.app.get(LockService);
    const free = () => until(() => locks.held().length === 0, 'the lock is given back');
    const server = running.app.getHttpServer() as Server;
    /** The server has seen that its only client went away. */
    const hungUp = async () => {
      await until(
        async () => (await promisify(server.getConnections.bind(server))()) === 0,
        'the connection is closed',
      );
      await settled();
    };
    return Object.assign(running, { stage: running.app.get(Stage), locks, free, hungUp });
  };

  it.each(['file', 'file-after-pipes'])(
    'the body of a StreamableFile, to its last byte (%s)',
    async (path) => {
      await using running = await start();
      running.stage.file.write('first');
      const { answer } = await open(`${running.url}/${path}`);
      await once(answer, 'data');
      expect(running.locks.held()).toHaveLength(1);
      running.stage.file.end('last');
      answer.resume();
      await once(answer, 'end');
      await running.free();
    },
  );

  it.each(['file', 'file-after-pipes'])('a StreamableFile until the client hangs up (%s)', async (path) => {
    await using running = await start();
    running.stage.file.write('first');
    const { hangUp } = await open(`${running.url}/${path}`);
    expect(running.locks.held()).toHaveLength(1);
    hangUp();
    await running.free();
  });

  it('an async generator, to its end', async () => {
    await using running = await start();
    const { answer } = await open(`${running.url}/generator`);
    answer.resume();
    await running.stage.gate.arrived();
    expect(running.locks.held()).toHaveLength(1);
    await running.stage.gate.open();
    await once(answer, 'end');
    await running.free();
    expect(running.stage.seen).toEqual(['finally, held 1']);
  });

  it('an async generator whose client hung up, until its finally block has run', async () => {
    await using running = await start();
    const { answer, hangUp } = await open(`${running.url}/generator`);
    answer.resume();
    await running.stage.gate.arrived();
    hangUp();
    await running.hungUp();
    expect(running.locks.held()).toHaveLength(1);
    await running.stage.gate.open();
    await running.free();
    expect(running.stage.seen).toEqual(['finally, held 1']);
  });

  it('an async generator that nobody reads, until the response is over', async () => {
    await using running = await start();
    expect(await (await fetch(`${running.url}/replaced`)).text()).toBe('replaced');
    await running.free();
    expect(running.locks.held()).toEqual([]);
  });

  it('a route interceptor’s transaction, which commits under the lock, also when the client hung up', async () => {
    await using running = await start();
    const sent = request(`${running.url}/slow`).end();
    sent.on('error', () => undefined);
    await running.stage.gate.arrived();
    sent.destroy();
    await running.hungUp();
    await running.stage.gate.open();
    await running.free();
    expect(running.stage.seen).toEqual(['end of handler, held 1', 'commit, held 1']);
  });

  it('server-sent events, until the producer was torn down', async () => {
    await using running = await start();
    const { answer, hangUp } = await open(`${running.url}/events`);
    await once(answer, 'data');
    expect(running.locks.held()).toHaveLength(1);
    hangUp();
    await running.free();
    expect(running.stage.seen).toEqual(['teardown, held 1']);
  });

  it('an async handler of server-sent events that still runs when the client hangs up', async () => {
    await using running = await start();
    const sent = request(`${running.url}/late-events`).end();
    sent.on('error', () => undefined);
    await running.stage.gate.arrived();
    sent.destroy();
    await running.hungUp();
    expect(running.locks.held()).toHaveLength(1);
    await running.stage.gate.open();
    await running.free();
    expect(running.stage.seen).toEqual(['end of handler, held 1']);
  });

  it('a response that the handler writes itself, after it returned', async () => {
    await using running = await start();
    const answer = fetch(`${running.url}/by-hand`);
    await running.stage.gate.arrived();
    await settled();
    expect(running.locks.held()).toHaveLength(1);
    await running.stage.gate.open();
    expect(await (await answer).text()).toBe('by hand');
    await running.free();
    expect(running.stage.seen).toEqual(['by hand, held 1']);
  });

  it('no handler that begins after the client left and the lock was given back', async () => {
    await using running = await start();
    const sent = request(`${running.url}/piped/7`).end();
    sent.on('error', () => undefined);
    await running.stage.gate.arrived();
    sent.destroy();
    await running.free();
    await running.stage.gate.open();
    await settled();
    expect(running.stage.seen).toEqual([]);
  });
});
