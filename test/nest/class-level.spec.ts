import {
  applyDecorators,
  Controller,
  Get,
  Injectable,
  type OnModuleInit,
  Param,
  Post,
  SetMetadata,
} from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from '@jest/globals';
import { CurrentLease, type Lease, Locked, LockKey, LockService, NotLocked } from '../../src/index.js';
import { ADAPTERS, LogBook, memoryLocks, startApp, startUpError } from './support/start-app.js';

async function started(...providers: (new (...args: never[]) => object)[]) {
  const testing = await Test.createTestingModule({ imports: [memoryLocks()], providers })
    .setLogger(new LogBook())
    .compile();
  await testing.init();
  return Object.assign(testing, { [Symbol.asyncDispose]: () => testing.close() });
}

const named = (lease?: Lease | null) => lease?.name ?? 'no lock';

describe.each(ADAPTERS)('@Locked on a controller, on %s', (adapter) => {
  class Crud {
    @Get('inherited')
    async inherited(@Param('groupId') _groupId: string, @CurrentLease() lease?: Lease) {
      return named(lease);
    }

    @Get('base')
    @Locked('base:<groupId>')
    async ofBase(@Param('groupId') _groupId: string, @CurrentLease() lease?: Lease) {
      return named(lease);
    }
  }

  @Locked('group:<groupId>')
  @Controller('groups/:groupId')
  class Above extends Crud {
    constructor(private readonly locks: LockService) {
      super();
    }

    @Get()
    async show(@Param('groupId') _groupId: string, @CurrentLease() lease: Lease) {
      return named(lease);
    }

    @Post()
    @Locked('own:<groupId>')
    async own(@Param('groupId') _groupId: string, @CurrentLease() lease: Lease) {
      return named(lease);
    }

    @Get('free')
    @NotLocked()
    async free() {
      return this.helper();
    }

    /** No handler: called from code, under the lock of its caller or under none. */
    helper(): string {
      return `${this.locks.held().length} held`;
    }
  }

  @Controller('below/:groupId')
  @Locked('group:<groupId>')
  class Below {
    @Get()
    async show(@Param('groupId') _groupId: string, @CurrentLease() lease: Lease) {
      return named(lease);
    }
  }

  it('locks every route, inherited ones too, whether it stands above or below @Controller', async () => {
    await using running = await startApp({ adapter, controllers: [Above, Below] });
    const get = async (path: string, method = 'GET') =>
      (await fetch(`${running.url}/${path}`, { method })).text();
    expect(await get('groups/7')).toBe('group:7');
    expect(await get('groups/7/inherited')).toBe('group:7');
    expect(await get('below/7')).toBe('group:7');
  });

  it("leaves alone a method's own @Locked, one of a base class, @NotLocked and what is no route", async () => {
    await using running = await startApp({ adapter, controllers: [Above] });
    const get = async (path: string, method = 'GET') =>
      (await fetch(`${running.url}/${path}`, { method })).text();
    expect(await get('groups/7', 'POST')).toBe('own:7');
    expect(await get('groups/7/base')).toBe('base:7');
    expect(await get('groups/7/free')).toBe('0 held');
  });

  it('runs two routes of one class for one name one after the other, and answers 423 as on a method', async () => {
    await using running = await startApp({ adapter, controllers: [Above], locks: { waitMs: 0 } });
    const lease = await running.app.get(LockService).acquire('group:7');
    expect((await fetch(`${running.url}/groups/7`)).status).toBe(423);
    expect((await fetch(`${running.url}/groups/7/inherited`)).status).toBe(423);
    expect((await fetch(`${running.url}/groups/8`)).status).toBe(200);
    await lease.release();
  });

  it('does not lock the inherited routes of the class that they come from', async () => {
    @Controller('plain/:groupId')
    class Plain extends Crud {}
    const message = await startUpError({ adapter, controllers: [Plain] });
    expect(message).toBe(
      'Plain.inherited has @CurrentLease() but no @Locked, so there is no lock; add @Locked, or remove it',
    );
  });

  it('a route that lacks a value of the name stops the start, and the message says the two ways out', async () => {
    @Locked('group:<groupId>')
    @Controller('groups')
    class Lists {
      @Get()
      async all() {
        return [];
      }
    }
    const message = await startUpError({ adapter, controllers: [Lists] });
    expect(message).toMatch(/^@Locked\('group:<groupId>'\) on Lists\.all: .*<groupId>/);
    expect(message).toMatch(
      /; the @Locked on the class covers this method: give it a @Locked of its own, or leave it out with @NotLocked\(\)$/,
    );
  });
});

describe('@Locked on a provider', () => {
  const byHand = Symbol('by hand');

  class Library {
    async count() {
      return 'not ours';
    }
  }

  @Injectable()
  @Locked('account:<id>')
  class Accounts extends Library implements OnModuleInit {
    ready = false;

    async onModuleInit(): Promise<void> {
      this.ready = true;
    }

    static create() {
      return new Accounts();
    }

    get size() {
      return 3;
    }

    async debit(id: string, @CurrentLease() lease?: Lease) {
      return `${id} ${named(lease)} ${this.hidden()}`;
    }

    async [byHand](@LockKey('id') _x: string, @CurrentLease() lease?: Lease) {
      return named(lease);
    }

    @NotLocked()
    label(id: string): string {
      return id;
    }

    #secret = 'unseen';

    private hidden = () => this.#secret; // an arrow in a field is no method of the class
  }

  it('locks every method of its own: no inherited, static or lifecycle one, no accessor, no field', async () => {
    await using testing = await started(Accounts);
    const accounts = testing.get(Accounts);
    expect(await accounts.debit('7')).toBe('7 account:7 unseen');
    expect(await accounts[byHand]('8')).toBe('account:8');
    expect(await accounts.count()).toBe('not ours');
    expect([accounts.ready, accounts.size, accounts.label('x'), Accounts.create().ready]).toEqual([
      true,
      3,
      'x',
      false,
    ]);
    expect(testing.get(LockService).held()).toEqual([]);
  });

  it('is inherited with its methods; an override has the lock of its own class', async () => {
    @Locked('sub:<id>')
    @Injectable()
    class Sub extends Accounts {
      override async debit(id: string, @CurrentLease() lease?: Lease): Promise<string> {
        return `${named(lease)} > ${await super.debit(id)}`;
      }
    }
    await using testing = await started(Sub);
    const sub = testing.get(Sub);
    expect(await sub.debit('7')).toBe('sub:7 > 7 account:7 unseen');
    expect(await sub[byHand]('7')).toBe('account:7');
  });

  it('refuses, when the class is defined, a method that cannot wait, and says the way out', () => {
    const define = () => {
      @Locked('a')
      class Sync {
        total(): number {
          return 1;
        }
      }
      return Sync;
    };
    expect(define).toThrow(
      /^@Locked on Sync\.total: the method is not declared async, so it may return at once.*; the @Locked on the class covers this method: .*@NotLocked\(\)$/,
    );
  });

  it('refuses a class in which there is nothing to lock', () => {
    const define = () => {
      @Locked('a')
      class Empty {
        static async help() {}
        onModuleInit() {}
      }
      return Empty;
    };
    expect(define).toThrow('@Locked on the class Empty would lock nothing');
  });

  it('refuses @NotLocked beside @Locked, on a static method, and where no @Locked stands on the class', async () => {
    const both = () => {
      @Locked('a')
      class Both {
        @Locked('b')
        @NotLocked()
        async run() {}
      }
      return Both;
    };
    expect(both).toThrow('Both.run has both @Locked and @NotLocked(); leave one of them out');
    const onStatic = () => {
      class Statics {
        @NotLocked()
        static async run() {}
      }
      return Statics;
    };
    expect(onStatic).toThrow('@NotLocked on Statics.run: the @Locked of a class covers no static method');
    @Injectable()
    class Alone {
      @NotLocked()
      async run() {}
    }
    expect(await startUpError({ providers: [Alone] })).toBe(
      'Alone.run has @NotLocked() but no @Locked stands on its class; remove it',
    );
  });
});

describe('@Locked in applyDecorators', () => {
  const OnePerAccount = () => applyDecorators(SetMetadata('audit', true), Locked('account:<id>'));

  @Injectable()
  class Payments {
    @OnePerAccount()
    async pay(id: string, @CurrentLease() lease?: Lease) {
      return `${id} ${named(lease)}`;
    }
  }

  @OnePerAccount()
  @Injectable()
  class WholeClass {
    async pay(id: string, @CurrentLease() lease?: Lease) {
      return `${id} ${named(lease)}`;
    }
  }

  it('locks a method and a class as it does by itself', async () => {
    await using testing = await started(Payments, WholeClass);
    expect(await testing.get(Payments).pay('7')).toBe('7 account:7');
    expect(await testing.get(WholeClass).pay('7')).toBe('7 account:7');
  });
});

describe('standard (TC39) decorators', () => {
  const word =
    'this build compiles standard (TC39) decorators, which Nest cannot use; set "experimentalDecorators": true';

  it.each([
    [
      'a method',
      () => (Locked('a') as Standard)(async () => {}, { kind: 'method', name: 'run' }),
      '@Locked on the method run',
    ],
    [
      'a class',
      () => (Locked('a') as Standard)(class Jobs {}, { kind: 'class', name: 'Jobs' }),
      '@Locked on the class Jobs',
    ],
    [
      '@NotLocked',
      () => (NotLocked() as never as Standard)(async () => {}, { kind: 'method', name: 'run' }),
      '@NotLocked on the method run',
    ],
  ])('are refused with the setting that is missing: %s', (_what, decorate, place) => {
    expect(decorate).toThrow(`${place}: ${word}`);
  });
});

type Standard = (value: unknown, context: object) => void;
