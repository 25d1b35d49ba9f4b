import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  Body,
  type CallHandler,
  Controller,
  type ExecutionContext,
  Get,
  Headers,
  type INestApplication,
  Param,
  ParseBoolPipe,
  ParseFloatPipe,
  ParseIntPipe,
  ParseUUIDPipe,
  Post,
  Query,
  ValidationPipe,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { ExpressAdapter } from '@nestjs/platform-express';
import { Type } from 'class-transformer';
import { Allow } from 'class-validator';
import { map, type Observable } from 'rxjs';
import request from 'supertest';
import type { CompiledNames, LockedMethod, RequestValues } from '../../../src/template/locked-method.js';
import type { TemplateValueError } from '../../../src/template/template-value-error.js';
import { http } from './locked-method.js';

class OrderDto {
  @Allow() @Type(() => Number) number!: number;
  @Allow() text!: string;
}

@Controller('r')
class Routes {
  @Get('int/:x')
  int(@Param('x', ParseIntPipe) x: number): unknown[] {
    return [x];
  }
  @Get('float/:x')
  float(@Param('x', ParseFloatPipe) x: number): unknown[] {
    return [x];
  }
  @Get('bool/:x')
  bool(@Param('x', ParseBoolPipe) x: boolean): unknown[] {
    return [x];
  }
  @Get('uuid/:x')
  uuid(@Param('x', ParseUUIDPipe) x: string): unknown[] {
    return [x];
  }
  @Get('declared/:x')
  declared(@Param('x') x: number): unknown[] {
    return [x];
  }
  @Get('text/:x')
  text(@Param('x') x: string): unknown[] {
    return [x];
  }
  @Get('query')
  query(@Query('x') x: number): unknown[] {
    return [x];
  }
  @Get('list')
  list(@Query('x') x: string[]): unknown[] {
    return [x];
  }
  @Get('header')
  header(@Headers('X-Tenant') tenant: string): unknown[] {
    return [tenant];
  }
  @Post('body')
  body(@Body() dto: OrderDto): unknown[] {
    return [dto];
  }
}

const SPECS: Record<string, string> = {
  header: 'n:<x-tenant>',
  body: 'n:<body.number>:<body.text>',
  list: 'n:<query.x[]>',
};

/** Takes the names where the lock would be taken, outermost, and again from what the handler got. */
class NamesTwice {
  readonly #compiled = new Map<string, { before: CompiledNames; after: CompiledNames }>();

  constructor(private readonly globalPipes: readonly object[]) {}

  intercept(context: ExecutionContext, next: CallHandler<unknown[]>): Observable<unknown> {
    const handler = context.getHandler().name;
    const { params, query, body, headers } = context.switchToHttp().getRequest<Required<RequestValues>>();
    const { before, after } = this.#compile(handler);
    let names: string[] | Partial<TemplateValueError>;
    try {
      names = before.fromRequest({ params, query, body, headers });
    } catch (error) {
      const { code, clientFault } = error as TemplateValueError;
      names = { code, clientFault };
    }
    return next.handle().pipe(
      map((args) => {
        try {
          return { before: names, after: after.fromArguments(args, { params, query, body, headers }) };
        } catch {
          return { before: names, after: 'none' };
        }
      }),
    );
  }

  #compile(handler: string): { before: CompiledNames; after: CompiledNames } {
    const more: Partial<LockedMethod> = { globalPipes: this.globalPipes };
    const spec = SPECS[handler] ?? 'n:<x>';
    const made = this.#compiled.get(handler) ?? {
      before: http(Routes, handler, spec, more),
      after: http(Routes, handler, spec, { ...more, phase: 'handler' }),
    };
    this.#compiled.set(handler, made);
    return made;
  }
}

const ID = '0F8FAD5B-D9CB-469F-A165-70867728950E';

describe.each([
  ['Express', () => new ExpressAdapter()],
  ['Fastify', () => new FastifyAdapter()],
])('over HTTP with %s', (_, adapter) => {
  let app: INestApplication;

  beforeAll(async () => {
    const pipes = [new ValidationPipe({ transform: true, whitelist: true })];
    app = await NestFactory.create({ module: Routes, controllers: [Routes] }, adapter() as never, {
      logger: false,
    });
    app.useGlobalPipes(...pipes);
    app.useGlobalInterceptors(new NamesTwice(pipes));
    await app.listen(0, '127.0.0.1');
  });
  afterAll(() => app.close());

  const get = async (path: string, headers: Record<string, string> = {}) => {
    const response = await request(app.getHttpServer() as never)
      .get(`/r/${path}`)
      .set(headers);
    return { status: response.status, body: response.body as { before: unknown; after: unknown } };
  };

  it.each([
    ['int/5', 'int/05', 'n:5'],
    ['float/5', 'float/5.0', 'n:5'],
    ['bool/true', 'bool/true', 'n:true'],
    ['bool/2', 'bool/false', 'n:false'], // the global ValidationPipe says so
    [`uuid/${ID}`, `uuid/${ID.toLowerCase()}`, `n:${ID.toLowerCase()}`],
    ['declared/5', 'declared/005', 'n:5'],
    ['text/a%3Ab', 'text/a:b', 'n:a%3Ab'],
    ['query?x=5', 'query?x=0x5', 'n:5'],
  ])('GET %s and GET %s are one lock, the same before and after the pipes', async (one, other, name) => {
    for (const path of [one, other]) {
      await expect(get(path)).resolves.toMatchObject({
        status: 200,
        body: { before: [name], after: [name] },
      });
    }
  });

  it('what a pipe refuses gets no name before it either', async () => {
    for (const path of ['int/abc', 'uuid/abc', 'int/5.5']) {
      await expect(get(path)).resolves.toEqual({
        status: 400,
        body: expect.not.objectContaining({ before: expect.anything() }),
      });
    }
  });

  it.each(['query', 'query?x=', 'query?x=1&x=2', 'query?x=abc', 'header'])(
    'GET %s is the fault of the client',
    async (path) => {
      const { body } = await get(path);
      expect(body.before).toEqual({ code: 'LOCK_TEMPLATE_UNRESOLVED', clientFault: true });
    },
  );

  it('a header is found whatever its case', async () => {
    await expect(get('header', { 'x-TENANT': 't 1' })).resolves.toMatchObject({
      body: { before: ['n:t%201'], after: ['n:t%201'] },
    });
  });

  it('a repeated query parameter gives one name for each element', async () => {
    await expect(get('list?x=a&x=b&x=a')).resolves.toMatchObject({ body: { before: ['n:a', 'n:b'] } });
  });

  it('fields of a body are what class-transformer makes of them', async () => {
    const post = (body: object) =>
      request(app.getHttpServer() as never)
        .post('/r/body')
        .send(body);
    for (const number of [5, '5', '05', ' 5 ']) {
      const { body } = await post({ number, text: 'a/b' });
      expect(body).toEqual({ before: ['n:5:a%2Fb'], after: ['n:5:a%2Fb'] });
    }
    const { body } = await post({ number: 5, text: { $ne: '' } });
    expect(body).toMatchObject({ before: { clientFault: true } });
  });
});
