import type { DynamicModule, INestApplication, LoggerService, ModuleMetadata } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test, type TestingModuleBuilder } from '@nestjs/testing';
import { DistributedLockModule, type DistributedLockOptions, memoryStore } from '../../../src/index.js';

export const ADAPTERS = ['express', 'fastify'] as const;
export type AdapterName = (typeof ADAPTERS)[number];

/** Everything Nest logs, as text and parameters. */
export class LogBook implements LoggerService {
  readonly entries: { level: string; text: string; rest: unknown[] }[] = [];

  readonly log = (text: unknown, ...rest: unknown[]) => this.#write('log', text, rest);
  readonly warn = (text: unknown, ...rest: unknown[]) => this.#write('warn', text, rest);
  readonly error = (text: unknown, ...rest: unknown[]) => this.#write('error', text, rest);

  texts(level: string): string[] {
    return this.entries.filter((entry) => entry.level === level).map((entry) => entry.text);
  }

  #write(level: string, text: unknown, rest: unknown[]): void {
    this.entries.push({ level, text: String(text), rest });
  }
}

export interface AppParts extends Pick<ModuleMetadata, 'controllers' | 'providers'> {
  adapter?: AdapterName;
  /** Options of forRoot; default: a memory store. */
  locks?: DistributedLockOptions;
  /** Instead of our own forRoot. */
  imports?: ModuleMetadata['imports'];
  /** What main.ts would do before listening. */
  configure?: (app: INestApplication) => void;
  logs?: LogBook;
  /** Puts doubles in the place of providers. */
  override?: (testing: TestingModuleBuilder) => TestingModuleBuilder;
  /** Let requests in flight finish at close, as in production; default: connections are cut, so that tests end at once. */
  drainForReal?: boolean;
}

export interface RunningApp extends AsyncDisposable {
  readonly app: INestApplication;
  readonly url: string;
  readonly logs: LogBook;
}

export function memoryLocks(options: DistributedLockOptions = {}): DynamicModule {
  return DistributedLockModule.forRoot({ store: memoryStore(), ...options });
}

/** An application that listens on a free port. */
export async function startApp(parts: AppParts): Promise<RunningApp> {
  const logs = parts.logs ?? new LogBook();
  const builder = Test.createTestingModule({
    imports: parts.imports ?? [memoryLocks(parts.locks)],
    controllers: parts.controllers ?? [],
    providers: parts.providers ?? [],
  }).setLogger(logs);
  const testing = await (parts.override?.(builder) ?? builder).compile();
  const adapter =
    parts.adapter === 'fastify'
      ? new FastifyAdapter({ forceCloseConnections: parts.drainForReal !== true })
      : new ExpressAdapter();
  const app = testing.createNestApplication<INestApplication>(adapter, {
    forceCloseConnections: parts.drainForReal !== true,
  });
  app.useLogger(logs);
  parts.configure?.(app);
  try {
    await app.listen(0, '127.0.0.1');
  } catch (error) {
    await app.close();
    throw error;
  }
  const url = (await app.getUrl()).replace('[::1]', '127.0.0.1');
  return { app, url, logs, [Symbol.asyncDispose]: () => app.close() };
}

/** What a start-up complains about. */
export async function startUpError(parts: AppParts): Promise<string> {
  try {
    await using running = await startApp(parts);
    return `started at ${running.url}`;
  } catch (error) {
    return String((error as Error).message);
  }
}
