import {
  type ArgumentsHost,
  Catch,
  Controller,
  type ExceptionFilter,
  Get,
  Inject,
  Injectable,
  Module,
  type NestInterceptor,
  Param,
  type PipeTransform,
} from '@nestjs/common';
import { APP_INTERCEPTOR, HttpAdapterHost } from '@nestjs/core';
import {
  CurrentLease,
  DistributedLockModule,
  type DistributedLockOptions,
  Lease,
  Locked,
  type LockedOptions,
  LockService,
  memoryStore,
} from 'nestjs-distributed-lock';

import { type AppParts, memoryLocks, startApp } from './application.js';

/** One mistake. Classes are made when it is asked for: some are refused while they are defined. */
export interface StartUpCase {
  readonly cause: string;
  /** Of an application; absent: the mistake is in the class itself. */
  readonly parts: () => AppParts;
}

const route = (names: string, options?: LockedOptions): AppParts => {
  @Controller('orders')
  class OrdersController {
    @Get(':orderId')
    @Locked(names, options)
    async pay(@Param('orderId') _orderId: string): Promise<void> {}
  }
  return { controllers: [OrdersController] };
};

class CleanPipe implements PipeTransform {
  transform(value: unknown): unknown {
    return value;
  }
}

class Transactions implements NestInterceptor {
  readonly intercept: NestInterceptor['intercept'] = (_context, next) => next.handle();
}

@Catch()
class CatchAll implements ExceptionFilter {
  catch(_error: unknown, _host: ArgumentsHost): void {}
}

function replaced(): AppParts {
  const Plain: MethodDecorator = (_target, _name, descriptor) => {
    descriptor.value = undefined as never;
  };
  @Injectable()
  class Orders {
    @Plain
    @Locked('order:<id>')
    async pay(id: string): Promise<string> {
      return id;
    }
  }
  return { providers: [Orders] };
}

const imports = (...modules: NonNullable<AppParts['imports']>): AppParts => ({ imports: modules });
const options = (given: object): AppParts => ({ locks: given as DistributedLockOptions });

export const ERRORS: readonly StartUpCase[] = [
  { cause: 'a placeholder that nothing has', parts: () => route('order:<orderID>') },
  { cause: 'a template that cannot be read', parts: () => route('order:<orderId') },
  { cause: 'a forbidden path', parts: () => route('order:<params.__proto__.x>') },
  {
    cause: 'an option that nobody knows',
    parts: () => route('order:<orderId>', { ttl: 5 } as LockedOptions),
  },
  { cause: 'a status that is none', parts: () => route('order:<orderId>', { busyStatus: 200 }) },
  { cause: 'a service that nobody registered', parts: () => route('order:<orderId>', { service: 'jobs' }) },
  {
    cause: 'a pipe of which nobody knows what it makes of the value',
    parts: () => {
      @Controller('orders')
      class OrdersController {
        @Get(':orderId')
        @Locked('order:<orderId>')
        async pay(@Param('orderId', CleanPipe) _orderId: string): Promise<void> {}
      }
      return { controllers: [OrdersController] };
    },
  },
  {
    cause: 'a method that cannot wait',
    parts: () => {
      class Orders {
        @Locked('order:<id>')
        pay(id: string): string {
          return id;
        }
      }
      return { providers: [Orders] };
    },
  },
  {
    cause: '@CurrentLease() without @Locked',
    parts: () => {
      @Injectable()
      class Orders {
        async pay(@CurrentLease() _lease: Lease): Promise<void> {}
      }
      return { providers: [Orders] };
    },
  },
  { cause: 'a decorator above that took the method away', parts: replaced },
  {
    cause: 'a class of which nothing can be locked',
    parts: () => {
      @Locked('order')
      class Empty {}
      return { providers: [Empty] };
    },
  },
  {
    cause: "onBusy: 'skip' where somebody waits for an answer",
    parts: () => route('order:<orderId>', { onBusy: 'skip' }),
  },
  {
    cause: 'a root with layers and without',
    parts: () => {
      @Injectable()
      class Orders {
        @Locked('order:<id>')
        async close(id: string): Promise<string> {
          return id;
        }

        @Locked('order:<id>/item:<item>', { layers: true })
        async add(id: string, item: string): Promise<string> {
          return `${id}/${item}`;
        }
      }
      return { providers: [Orders] };
    },
  },
  { cause: 'a second default service', parts: () => imports(memoryLocks()) },
  { cause: 'an option of the module that nobody knows', parts: () => options({ url: 'redis://x' }) },
  { cause: 'two stores', parts: () => options({ redis: 'redis://127.0.0.1' }) },
  { cause: 'a lease that is too short', parts: () => options({ leaseMs: 5 }) },
  {
    cause: 'a name for a service that is none',
    parts: () => imports(DistributedLockModule.forRoot({ name: '', store: memoryStore() })),
  },
];

export const WARNINGS: readonly StartUpCase[] = [
  { cause: 'the memory store', parts: () => ({}) },
  {
    cause: 'a global interceptor outside of the locks',
    parts: () => ({
      ...route('order:<orderId>'),
      providers: [{ provide: APP_INTERCEPTOR, useClass: Transactions }],
    }),
  },
  {
    cause: 'the lock service itself in a module with a prefix',
    parts: () => {
      @Injectable()
      class Orders {
        constructor(@Inject(LockService) readonly locks: LockService) {}
      }
      @Module({ imports: [DistributedLockModule.forFeature({ prefix: 'shop' })], providers: [Orders] })
      class ShopModule {}
      return imports(ShopModule);
    },
  },
  {
    cause: 'a global filter that catches everything before ours',
    parts: () => ({
      ...route('order:<orderId>'),
      configure: (app) => {
        app.get(HttpAdapterHost);
        app.useGlobalFilters(new CatchAll());
      },
    }),
  },
];

/** What stops the start, or '' when nothing does. */
export async function errorOf({ parts }: StartUpCase): Promise<string> {
  try {
    await using running = await startApp(parts());
    return running.port === 0 ? 'no port' : '';
  } catch (error) {
    return (error as Error).message;
  }
}

/** What it warns of, without the memory store's own word, unless that is the case. */
export async function warningsOf({ parts, cause }: StartUpCase): Promise<string[]> {
  await using running = await startApp(parts());
  const warned = running.logs.texts('warn');
  return cause === 'the memory store' ? warned : warned.filter((text) => !text.startsWith('memoryStore()'));
}
