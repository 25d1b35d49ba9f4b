import type {
  DynamicModule,
  INestApplication,
  INestApplicationContext,
  LoggerService,
  ModuleMetadata,
  Type,
} from '@nestjs/common';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import {
  DistributedLockModule,
  type DistributedLockOptions,
  LockService,
  memoryStore,
} from 'nestjs-distributed-lock';

export const ADAPTERS = ['express', 'fastify'] as const;
export type AdapterName = (typeof ADAPTERS)[number];

/** Everything that Nest logs. */
export class LogBook implements LoggerService {
  readonly entries: { level: string; text: string }[] = [];

  readonly log = (text: unknown) => this.#write('log', text);
  readonly warn = (text: unknown) => this.#write('warn', text);
  readonly error = (text: unknown) => this.#write('error', text);

  texts(level: string): string[] {
    return this.entries.filter((entry) => entry.level === level).map((entry) => entry.text);
  }

  #write(level: string, text: unknown): void {
    this.entries.push({
      level,
      text: text instanceof Error ? `${text.name}: ${text.message}` : String(text),
    });
  }
}

export function memoryLocks(options: DistributedLockOptions = {}): DynamicModule {
  return DistributedLockModule.forRoot({ store: memoryStore(), waitMs: 60_000, ...options });
}

export interface AppParts extends ModuleMetadata {
  adapter?: AdapterName;
  /** Default: the memory store. It is imported before `imports`. */
  locks?: DistributedLockOptions;
  /** What main.ts would do before listening. */
  configure?: (app: INestApplication) => void | Promise<void>;
}

export interface RunningApp extends AsyncDisposable {
  readonly app: INestApplication;
  readonly url: string;
  readonly port: number;
  readonly logs: LogBook;
  readonly locks: LockService;
  get<T>(type: Type<T>): T;
  close(): Promise<void>;
}

export function rootModule({ imports = [], locks, controllers = [], providers = [] }: AppParts): Type {
  class AppModule {}
  Module({ imports: [memoryLocks(locks), ...imports], controllers, providers })(AppModule);
  return AppModule;
}

/** An application that listens on a free port. */
export async function startApp(parts: AppParts): Promise<RunningApp> {
  const logs = new LogBook();
  const adapter =
    parts.adapter === 'fastify' ? new FastifyAdapter({ forceCloseConnections: true }) : new ExpressAdapter();
  const app = await NestFactory.create<INestApplication>(rootModule(parts), adapter, {
    logger: logs,
    forceCloseConnections: true,
    abortOnError: false,
  });
  await parts.configure?.(app);
  await app.listen(0, '127.0.0.1');
  const url = (await app.getUrl()).replace('[::1]', '127.0.0.1');
  return { ...runningContext(app, logs), app, url, port: Number(new URL(url).port) };
}

export function runningContext(app: INestApplicationContext, logs: LogBook) {
  const close = () => app.close();
  return {
    logs,
    locks: app.get(LockService),
    get: <T>(type: Type<T>): T => app.get(type, { strict: false }),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** A section that knows how many were inside at once, and can be held up. */
export class Section {
  calls = 0;
  most = 0;
  inside = 0;
  readonly names: string[] = [];

  async run(name: string): Promise<string> {
    this.calls++;
    this.names.push(name);
    this.most = Math.max(this.most, ++this.inside);
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
    this.inside--;
    return name;
  }
}

/** For states that nothing announces. */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const endsAt = performance.now() + 10_000;
  while (!(await condition())) {
    if (performance.now() > endsAt) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** So many wait for the name in this process. */
export async function waiting(locks: LockService, name: string, count: number): Promise<void> {
  await until(async () => (await locks.inspect(name)).waitingHere === count, `${count} wait for ${name}`);
}
