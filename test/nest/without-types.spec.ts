import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import {
  Body,
  Controller,
  createParamDecorator,
  DefaultValuePipe,
  Get,
  Headers,
  Param,
  ParseBoolPipe,
  ParseEnumPipe,
  ParseIntPipe,
  ParseUUIDPipe,
  Post,
  Query,
  ValidationPipe,
} from '@nestjs/common';
import 'reflect-metadata';
import { Observable, of } from 'rxjs';
import { Locked, type LockedOptions } from '../../src/index.js';
import { specOf } from '../../src/locked-spec.js';
import { LogBook, startApp } from './support/start-app.js';
import { plain } from './template/locked-method.js';

type Pipes = readonly unknown[];

/** Decorators that are called by hand record no types, as those that esbuild compiles. */
function controller(handlers: Record<string, Handler>): new () => object {
  class Plain {}
  Object.defineProperty(Plain, 'name', { value: 'Plain' });
  for (const [name, { bind, template, options }] of Object.entries(handlers)) {
    const descriptor = { configurable: true, writable: true, value: async (value: unknown) => value };
    Object.defineProperty(Plain.prototype, name, descriptor);
    bind(Plain.prototype, name, 0);
    const found = Object.getOwnPropertyDescriptor(Plain.prototype, name) as PropertyDescriptor;
    Locked(template, options)(Plain.prototype, name, found);
    (name.startsWith('post') ? Post : Get)(`${name}/:id`)(Plain.prototype, name, found);
    Object.defineProperty(Plain.prototype, name, found);
  }
  Controller('plain')(Plain);
  return Plain;
}

interface Handler {
  readonly bind: ParameterDecorator;
  readonly template: string;
  readonly options?: LockedOptions;
}

const param = (template: string, pipes: Pipes = [], options?: LockedOptions): Handler => ({
  bind: Param('id', ...(pipes as [])),
  template,
  ...(options === undefined ? {} : { options }),
});

async function warningsOf(...controllers: (new () => object)[]): Promise<string[]> {
  const logs = new LogBook();
  await using _ = await startApp({ controllers, logs });
  return logs.texts('warn').filter((text) => text.includes('records no types'));
}

enum Colour {
  Red = 'red',
}

describe('where the build records no types of parameters', () => {
  it('one warning at start-up names each value whose spelling nothing settles, and what to write', async () => {
    const Orders = controller({
      read: param('order:<id>'),
      late: param('order:<id>', [], { phase: 'handler' }),
      validated: param('order:<id>', [new ValidationPipe({ transform: true })]),
      or: param('order:<id>', [new DefaultValuePipe('1')]),
      query: { bind: Query('page'), template: 'page:<page>' },
      header: { bind: Headers('x-order'), template: 'order:<x-order>' },
      post: { bind: Body(), template: 'order:<body.order.id>' },
    });
    const More = controller(
      Object.fromEntries(['a', 'b', 'c', 'd', 'e'].map((name) => [name, param('order:<0>')])),
    );
    const [warning, ...others] = await warningsOf(Orders, More);
    expect(others).toEqual([]);
    expect(warning).toBe(
      'the build records no types of parameters (esbuild, tsx, or swc without decoratorMetadata), so @Locked cannot see which of these values are numbers: ' +
        'Plain.read <id>, Plain.late <id>, Plain.validated <id>, Plain.or <id>, Plain.query <page>, Plain.header <x-order>, Plain.post <body.order.id>, ' +
        'Plain.a <0>, Plain.b <0>, Plain.c <0> and 2 more. ' +
        'If one is, "5" and "05" are two locks for it: give it a pipe (@Param(\'id\', ParseIntPipe)) or a formatter (<id:int>), or emit decorator metadata. ' +
        "If it is text, nothing is wrong; @Reflect.metadata('design:paramtypes', [String]) on the method says so",
    );
  });

  it('nothing is said of a value that a pipe or a formatter settles, or that no sender wrote', async () => {
    const CurrentUser = createParamDecorator(() => 'u1');
    const Settled = controller({
      int: param('order:<id>', [ParseIntPipe]),
      both: param('order:<id>', [new DefaultValuePipe('1'), ParseIntPipe]),
      late: param('order:<id>', [ParseIntPipe], { phase: 'handler' }),
      own: param('order:<id>', [{ transform: (value: string) => value.trim() }], { phase: 'handler' }),
      bool: param('order:<id>', [ParseBoolPipe]),
      uuid: param('order:<id>', [ParseUUIDPipe]),
      colour: param('order:<id>', [new ParseEnumPipe(Colour)]),
      formatted: param('order:<id:int>'),
      unbound: { bind: Query('page'), template: 'order:<id>' },
      list: { bind: Query('ids'), template: 'order:<ids[]>' },
      user: { bind: CurrentUser('id'), template: 'user:<0>', options: { phase: 'handler' } },
      constant: param('nightly'),
    });
    expect(await warningsOf(Settled)).toEqual([]);
  });

  it('nothing is said where the types are recorded, by a compiler or by hand', async () => {
    @Controller('typed')
    class Typed {
      @Get(':id')
      @Locked('order:<id>')
      async read(@Param('id') id: string) {
        return id;
      }
    }
    const ByHand = controller({ read: param('order:<id>') });
    Reflect.metadata('design:paramtypes', [String])(ByHand.prototype, 'read');
    expect(await warningsOf(Typed, ByHand)).toEqual([]);
  });

  it('the payload of a message counts, the rest of its handler does not', () => {
    class Jobs {
      run(id: unknown): unknown {
        return id;
      }
    }
    const untypedWith = (record: object) => {
      Reflect.defineMetadata('__routeArguments__', record, Jobs, 'run');
      return plain(Jobs, 'run', 'job:<0>').untyped;
    };
    // As @Payload('id') and @ConnectedSocket() of @nestjs/microservices and @nestjs/websockets write it.
    expect(untypedWith({ '3:0': { index: 0, data: 'id', pipes: [] } })).toEqual(['Jobs.run <0>']);
    expect(untypedWith({ '0:0': { index: 0, pipes: [] } })).toEqual([]);
    expect(untypedWith({})).toEqual([]);
  });

  it('a method that gives an Observable can say so by hand, below @Locked', () => {
    const returns = (types: MethodDecorator[]) => {
      class Prices {
        watch(): unknown {
          return of(1);
        }
      }
      const watch = Object.getOwnPropertyDescriptor(Prices.prototype, 'watch') as PropertyDescriptor;
      for (const decorate of [...types, Locked('prices')]) decorate(Prices.prototype, 'watch', watch);
      return specOf(watch.value)?.returns;
    };
    expect(returns([])).toBe('promise');
    expect(returns([Reflect.metadata('design:returntype', Observable)])).toBe('observable');
  });

  it('a real build without them says so, and one with them makes one lock of two spellings', async () => {
    const run = new URL('../support/run-typescript.mjs', import.meta.url).href;
    const script = new URL('../support/no-types.child.ts', import.meta.url).pathname;
    const start = async (env: NodeJS.ProcessEnv) => {
      const { stdout } = await promisify(execFile)(process.execPath, ['--import', run, script], {
        env: { ...process.env, NODE_ENV: 'test', ...env },
        timeout: 15_000,
      });
      return JSON.parse(stdout) as { names: string[]; warnings: string[] };
    };
    const without = await start({ WITHOUT_DECORATOR_METADATA: '1' });
    expect(without.names).toEqual(['order:5', 'order:05']);
    expect(without.warnings).toEqual([expect.stringMatching(/are numbers: OrdersController.read <id>\. If/)]);
    expect(await start({})).toEqual({ names: ['order:5', 'order:5'], warnings: [] });
  });
});
