import 'reflect-metadata';
import {
  applyDecorators,
  type CanActivate,
  Controller,
  type DynamicModule,
  Get,
  Inject,
  Injectable,
  mixin,
  Module,
  Param,
  type PipeTransform,
  Query,
  Scope,
  type Type,
  UseGuards,
} from '@nestjs/common';
import { ContextIdFactory, LazyModuleLoader, ModuleRef } from '@nestjs/core';
import {
  CommandBus,
  CommandHandler,
  CqrsModule,
  EventBus,
  EventsHandler,
  QueryBus,
  QueryHandler,
} from '@nestjs/cqrs';
import { EventEmitter2, EventEmitterModule, OnEvent } from '@nestjs/event-emitter';
import { describe, expect, it } from '@jest/globals';
import { LockBusyError, Locked } from 'nestjs-distributed-lock';

import { ADAPTERS, type AppParts, Section, startApp, until } from '../support/application.js';
import { failureOf } from '../support/failure-of.js';

const RUN = Symbol('run');
const LockedItem = () => applyDecorators(Locked('item:<id>') as MethodDecorator);

class Base {
  @Inject(Section) readonly section!: Section;

  @Locked('item:<id>')
  async run(id: string): Promise<string> {
    return this.section.run(id);
  }
}

@Injectable()
class Singleton extends Base {}

@Injectable()
class Child extends Singleton {
  override async run(id: string): Promise<string> {
    return super.run(id);
  }
}

@Injectable({ scope: Scope.REQUEST })
class PerRequest extends Base {}

@Injectable({ scope: Scope.REQUEST, durable: true })
class Durable extends Base {}

@Injectable({ scope: Scope.TRANSIENT })
class Transient extends Base {}

@Injectable()
class Named {
  constructor(@Inject(Section) readonly section: Section) {}

  @Locked('item:<id>')
  async [RUN](id: string): Promise<string> {
    return this.section.run(id);
  }

  @LockedItem()
  async composed(id: string): Promise<string> {
    return this.section.run(id);
  }

  @Locked('item:<0>')
  static async statically(id: string, section: Section): Promise<string> {
    return section.run(id);
  }
}

class Made {
  constructor(readonly section: Section) {}

  @Locked('item:<id>')
  async run(id: string): Promise<string> {
    return this.section.run(id);
  }
}

function runnerOf(prefix: string): Type<{ run(id: string): Promise<string> }> {
  class Mixed {
    constructor(@Inject(Section) readonly section: Section) {}

    @Locked('item:<id>')
    async run(id: string): Promise<string> {
      return this.section.run(prefix + id);
    }
  }
  return mixin(Mixed);
}
const Mixed = runnerOf('');
const VALUE = Symbol('value');
const FACTORY = Symbol('factory');
const ALIAS = Symbol('alias');

const valueSection = new Section();
const VALUE_OF_ALL = new Made(valueSection);

@Injectable()
class Root {
  constructor(@Inject(ModuleRef) readonly ref: ModuleRef) {}
}

const providers = [
  Root,
  Section,
  Singleton,
  Child,
  PerRequest,
  Durable,
  Transient,
  Named,
  Mixed,
  { provide: VALUE, useValue: VALUE_OF_ALL },
  { provide: FACTORY, inject: [Section], useFactory: async (section: Section) => new Made(section) },
  { provide: ALIAS, useExisting: Singleton },
];

interface Runner {
  run(id: string): Promise<string>;
}
type Find = (ref: ModuleRef) => Runner | Promise<Runner>;

const HOLDERS: readonly (readonly [string, Find])[] = [
  ['a singleton', (ref) => ref.get(Singleton)],
  ['a subclass that overrides it and calls super', (ref) => ref.get(Child)],
  ['request scope', (ref) => ref.resolve(PerRequest, ContextIdFactory.create())],
  ['durable request scope', (ref) => ref.resolve(Durable, ContextIdFactory.create())],
  ['transient scope', (ref) => ref.resolve(Transient)],
  ['a Symbol-named method', (ref) => ({ run: (id) => ref.get(Named)[RUN](id) })],
  ['applyDecorators', (ref) => ({ run: (id) => ref.get(Named).composed(id) })],
  ['a static method', (ref) => ({ run: (id) => Named.statically(id, ref.get(Section)) })],
  ['a mixin', (ref) => ref.get(Mixed)],
  ['useFactory, asynchronous', (ref) => ref.get<Runner>(FACTORY)],
  ['useExisting', (ref) => ref.get<Runner>(ALIAS)],
  ['ModuleRef.create', (ref) => ref.create(Singleton)],
  ['new, outside of the container', (ref) => new Made(ref.get(Section))],
];

describe('a provider of @Locked', () => {
  it.each(HOLDERS)('locks once under its name, and gives the lock back: %s', async (_what, get) => {
    await using running = await startApp({ providers });
    const counted = { acquired: 0, released: 0 };
    running.locks.on('acquired', () => counted.acquired++);
    running.locks.on('released', () => counted.released++);
    const ref = running.get(Root).ref;
    await Promise.all([1, 2, 3].map(async () => (await get(ref)).run('7')));
    const section = running.get(Section);
    expect([section.calls, section.most, running.locks.held()]).toEqual([3, 1, []]);
    expect(counted).toEqual({ acquired: 3, released: 3 });
    await using lease = await running.locks.acquire('item:7');
    const waitsForIt = Promise.resolve(get(ref)).then((runner) => runner.run('7'));
    await until(
      async () => (await running.locks.inspect('item:7')).waitingHere === 1,
      'it waits for this name',
    );
    await lease.release();
    await waitsForIt;
  });

  it.each(['first', 'second'])(
    'locks what useValue gives, in the %s application that has the object',
    async () => {
      valueSection.calls = 0;
      await using running = await startApp({ providers });
      await Promise.all([1, 2].map(() => running.app.get<Runner>(VALUE).run('7')));
      expect([valueSection.calls, valueSection.most, running.locks.held()]).toEqual([2, 1, []]);
    },
  );

  it('of a lazy module locks, too', async () => {
    @Module({ providers: [Singleton, Section] })
    class Lazy {}
    await using running = await startApp({ providers: [Section] });
    const ref = await running.app.get(LazyModuleLoader).load(() => Lazy);
    const lazy = ref.get(Singleton);
    await Promise.all([1, 2, 3].map(() => lazy.run('7')));
    expect([lazy.section.calls, lazy.section.most]).toEqual([3, 1]);
  });

  it('locks each application of a process with its own service', async () => {
    await using one = await startApp({ providers });
    await using two = await startApp({ providers });
    await using lease = await one.locks.acquire('item:7');
    expect(await two.get(Singleton).run('7')).toBe('7');
    const waits = one.get(Singleton).run('7');
    await until(async () => (await one.locks.inspect('item:7')).waitingHere === 1, 'it waits');
    await lease.release();
    expect(await waits).toBe('7');
  });
});

@Injectable()
class LockedGuard implements CanActivate {
  constructor(@Inject(Section) private readonly section: Section) {}

  @Locked('guard')
  async canActivate(): Promise<boolean> {
    await this.section.run('guard');
    return true;
  }
}

@Injectable()
class LockedPipe implements PipeTransform {
  constructor(@Inject(Section) private readonly section: Section) {}

  @Locked('pipe:<value>')
  async transform(value: string): Promise<string> {
    return this.section.run(value);
  }
}

@Controller({ path: 'things', scope: Scope.REQUEST })
class ThingsController {
  constructor(@Inject(Section) private readonly section: Section) {}

  @Get(':id')
  @Locked('thing:<id>')
  async thing(@Param('id') id: string): Promise<string> {
    return this.section.run(id);
  }

  @Get()
  @UseGuards(LockedGuard)
  piped(@Query('id', LockedPipe) id: string): string {
    return id;
  }
}

describe.each(ADAPTERS)('on %s', (adapter) => {
  const parts: AppParts = {
    adapter,
    controllers: [ThingsController],
    providers: [Section, LockedGuard, LockedPipe],
  };

  it('a controller of request scope is locked once for a request', async () => {
    await using running = await startApp(parts);
    await Promise.all([1, 2, 3].map(() => fetch(`${running.url}/things/7`)));
    const { calls, most } = running.get(Section);
    expect([calls, most, running.locks.held()]).toEqual([3, 1, []]);
  });

  it('a guard and a pipe are locked', async () => {
    await using running = await startApp(parts);
    const answers = await Promise.all(
      [1, 2, 3].map(async () => (await fetch(`${running.url}/things?id=7`)).text()),
    );
    const { names, most } = running.get(Section);
    expect(answers).toEqual(['7', '7', '7']);
    expect([
      names.filter((name) => name === 'guard').length,
      names.filter((name) => name === '7').length,
    ]).toEqual([3, 3]);
    expect(most).toBeLessThanOrEqual(2); // a guard and a pipe have two locks
    expect(running.locks.held()).toEqual([]);
  });
});

@Injectable()
class Listeners {
  constructor(@Inject(Section) private readonly section: Section) {}

  @OnEvent('paid', { async: true, promisify: true })
  @Locked('order:<event.id>')
  async above(event: { id: string }): Promise<string> {
    return this.section.run(event.id);
  }

  @Locked('order:<0.id>', { onBusy: 'reject' })
  @OnEvent('told', { suppressErrors: false })
  async below(event: { id: string }): Promise<string> {
    return this.section.run(event.id);
  }

  @OnEvent('quiet')
  @Locked('order:<0.id>', { onBusy: 'reject' })
  async quiet(event: { id: string }): Promise<string> {
    return this.section.run(event.id);
  }
}

describe('a listener of @nestjs/event-emitter', () => {
  const imports = [EventEmitterModule.forRoot() as DynamicModule];
  const start = () => startApp({ imports, providers: [Section, Listeners] });

  it.each(['paid', 'told'])('runs one after the other under its name: %s', async (event) => {
    await using running = await start();
    const emitter = running.app.get(EventEmitter2);
    if (event === 'paid') await Promise.all([1, 2, 3].map(() => emitter.emitAsync(event, { id: '7' })));
    else expect(await emitter.emitAsync(event, { id: '7' })).toEqual(['7']);
    const { calls, most } = running.get(Section);
    expect([calls, most, running.locks.held()]).toEqual([event === 'paid' ? 3 : 1, 1, []]);
  });

  it('that is refused fails emitAsync with suppressErrors: false, and else only logs', async () => {
    await using running = await start();
    await using lease = await running.locks.acquire('order:7');
    const emitter = running.app.get(EventEmitter2);
    expect(await failureOf(emitter.emitAsync('told', { id: '7' }))).toBeInstanceOf(LockBusyError);
    expect(await emitter.emitAsync('quiet', { id: '7' })).toEqual([undefined]);
    expect(running.logs.texts('error').join()).toContain('lock "order:7" is held by someone else');
    expect([running.get(Section).calls, lease.state]).toEqual([0, 'held']);
  });
});

class Pay {
  constructor(readonly id: string) {}
}
class Ask {
  constructor(readonly id: string) {}
}
class Paid {
  constructor(readonly id: string) {}
}

@CommandHandler(Pay)
class PayHandler {
  constructor(@Inject(Section) private readonly section: Section) {}

  @Locked('order:<command.id>')
  async execute(command: Pay): Promise<string> {
    return this.section.run(command.id);
  }
}

@QueryHandler(Ask)
class AskHandler {
  constructor(@Inject(Section) private readonly section: Section) {}

  @Locked('order:<query.id>', { waitMs: 50 })
  async execute(query: Ask): Promise<string> {
    return this.section.run(query.id);
  }
}

@EventsHandler(Paid)
class PaidHandler {
  constructor(@Inject(Section) private readonly section: Section) {}

  @Locked('order:<event.id>')
  async handle(event: Paid): Promise<void> {
    await this.section.run(event.id);
  }
}

describe('handlers of @nestjs/cqrs', () => {
  const start = () =>
    startApp({ imports: [CqrsModule], providers: [Section, PayHandler, AskHandler, PaidHandler] });

  it('run one after the other under the name of their message', async () => {
    await using running = await start();
    const section = running.get(Section);
    await Promise.all([1, 2, 3].map(() => running.app.get(CommandBus).execute(new Pay('7'))));
    expect(await running.app.get(QueryBus).execute(new Ask('7'))).toBe('7');
    running.app.get(EventBus).publishAll([new Paid('7'), new Paid('7')]);
    await until(() => section.calls === 6 && section.inside === 0, 'all have run');
    await until(() => running.locks.held().length === 0, 'the lock is given back');
    expect(section.most).toBe(1);
  });

  it('that are refused fail for the caller of the bus', async () => {
    await using running = await start();
    await using lease = await running.locks.acquire('order:7');
    const failed = await failureOf(running.app.get(QueryBus).execute(new Ask('7')));
    expect(failed).toMatchObject({ code: 'LOCK_BUSY', lockName: 'order:7' });
    expect(lease.state).toBe('held');
  });
});
