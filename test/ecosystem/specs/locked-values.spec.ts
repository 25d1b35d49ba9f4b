import 'reflect-metadata';
import {
  Controller,
  type ExecutionContext,
  Get,
  Injectable,
  Module,
  type ModuleMetadata,
  Param,
  Post,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { describe, expect, it } from '@jest/globals';
import { CurrentLease, DistributedLockModule, Lease, Locked, memoryStore } from 'nestjs-distributed-lock';

import { failureOf } from '../support/failure-of.js';

const ADAPTERS = ['express', 'fastify'] as const;

/** A document of a database: its id is an accessor of its class, over a typed id. */
class ObjectId {
  constructor(readonly hex: string) {}

  toHexString(): string {
    return this.hex;
  }

  toString(): string {
    return this.hex;
  }
}

class UserDocument {
  readonly _id: ObjectId;
  #secret = 'x';

  constructor(hex: string) {
    this._id = new ObjectId(hex);
  }

  get id(): string {
    return this._id.toHexString();
  }

  secret(): string {
    return this.#secret;
  }
}

async function served(adapter: (typeof ADAPTERS)[number], parts: ModuleMetadata) {
  @Module({ imports: [DistributedLockModule.forRoot({ store: memoryStore() })], ...parts })
  class AppModule {}
  const warnings: string[] = [];
  const http = adapter === 'express' ? new ExpressAdapter() : new FastifyAdapter();
  const app = await NestFactory.create(AppModule, http, {
    logger: { log() {}, error() {}, warn: (text: unknown) => void warnings.push(String(text)) },
    forceCloseConnections: true,
    abortOnError: false,
  });
  app.useGlobalGuards({
    canActivate(context: ExecutionContext) {
      context.switchToHttp().getRequest<{ user?: unknown }>().user = new UserDocument('65f0aa');
      return true;
    },
  });
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  const ask = async (path: string, init?: RequestInit) => {
    const answer = await fetch(`${url}/${path}`, init);
    return `${answer.status} ${await answer.text()}`;
  };
  return { app, ask, warnings };
}

describe.each(ADAPTERS)('the values of a name, on %s', (adapter) => {
  @Controller('me')
  class Me {
    @Get()
    @Locked('user:<user.id>')
    async show(@CurrentLease() lease: Lease): Promise<string> {
      return lease.name;
    }

    @Get('typed')
    @Locked('user:<user._id>')
    async typed(): Promise<string> {
      return 'never';
    }
  }

  it('a declared getter of what a guard set is read; a typed id is no fault of the client', async () => {
    const { app, ask } = await served(adapter, { controllers: [Me] });
    expect(await ask('me')).toBe('200 user:65f0aa');
    expect(await ask('me/typed')).toMatch(/^500 .*LOCK_TEMPLATE_UNRESOLVED/);
    await app.close();
  });

  it('a declared getter of an argument is read; a typed id is an error that says what to write', async () => {
    @Injectable()
    class Documents {
      @Locked('user:<user.id>')
      async byId(user: UserDocument, @CurrentLease() lease?: Lease): Promise<string> {
        return `${user.secret()} ${lease?.name}`;
      }

      @Locked('user:<user._id>')
      async byTypedId(user: UserDocument): Promise<UserDocument> {
        return user;
      }
    }
    const { app } = await served(adapter, { providers: [Documents] });
    const documents = app.get(Documents);
    expect(await documents.byId(new UserDocument('65f0aa'))).toBe('x user:65f0aa');
    expect(await failureOf(documents.byTypedId(new UserDocument('65f0aa')))).toMatchObject({
      code: 'LOCK_TEMPLATE_UNRESOLVED',
      message: expect.stringMatching(/<user\._id> is an object \(ObjectId\).*toHexString\(\)/),
    });
    await app.close();
  });

  it('a minified build stops the start where it hides a name, and not where Nest binds it', async () => {
    // As a minifier prints it: short names, no blank before the body.
    const Service = new Function('return class Payments{async pay(e){return e}}')() as new () => object;
    const Routes = new Function('return class Routes{async show(e){return e}}')() as new () => object;
    decorate(Service, 'pay', Locked('order:<orderId>') as MethodDecorator);
    Param('orderId')(Routes.prototype as object, 'show', 0);
    decorate(Routes, 'show', Locked('order:<orderId>') as MethodDecorator, Get(':orderId'));
    Controller('orders')(Routes);
    expect((await failureOf(served(adapter, { providers: [Service] }))).message).toMatch(
      /@Locked\('order:<orderId>'\) on Payments\.pay: <orderId> .*minified.*@LockKey/,
    );
    const { app, ask } = await served(adapter, { controllers: [Routes] });
    expect(await ask('orders/7')).toBe('200 7');
    await app.close();
  });

  it('where the build records no types, one warning lists the values whose spelling nothing settles', async () => {
    class Plain {
      async show(id: unknown): Promise<unknown> {
        return id;
      }
    }
    Param('id')(Plain.prototype, 'show', 0);
    decorate(Plain, 'show', Locked('order:<id>') as MethodDecorator, Post(':id'));
    Controller('plain')(Plain);
    const { app, ask, warnings } = await served(adapter, { controllers: [Plain] });
    expect(warnings.filter((text) => text.includes('records no types'))).toEqual([
      expect.stringContaining('Plain.show <id>'),
    ]);
    expect(await ask('plain/7', { method: 'POST' })).toBe('201 7');
    await app.close();
  });
});

/** As a build without types does: no metadata of the compiler. */
function decorate(target: new () => object, name: string, ...decorators: MethodDecorator[]): void {
  const prototype = target.prototype as object;
  const descriptor = Object.getOwnPropertyDescriptor(prototype, name) as PropertyDescriptor;
  for (const decorator of decorators) decorator(prototype, name, descriptor);
  Object.defineProperty(prototype, name, descriptor);
}
