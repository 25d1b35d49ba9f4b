import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import * as nest from '../src/index.js';
import { ROOT } from './support/source-files.js';

const TSC = join(ROOT, 'node_modules/@typescript/native/bin/tsc');
const pages = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' });
const examples = ['README.md', ...pages.map((page) => `docs/${page.replaceAll('\\', '/')}`)]
  .filter((path) => path.endsWith('.md'))
  .flatMap((path) => {
    const blocks = readFileSync(join(ROOT, path), 'utf8').matchAll(/^```ts\n([\s\S]*?)^```/gm);
    return [...blocks].map(([, text = ''], index) => ({ title: `${path} (${index + 1})`, text }));
  });

/** What our entry points for libraries that are not installed here know of them. */
const OPTIONAL_PEERS = ['src/schedule/cron.d.ts', 'src/bullmq/bullmq.d.ts'].map((path) => join(ROOT, path));
/** What an example imports of such libraries. */
const PEERS = `declare module '@nestjs/schedule' {
  export const Cron: (expression: string, options?: { timeZone?: string }) => MethodDecorator;
}
declare module '@nestjs/bullmq' {
  export const Processor: (queue: string) => ClassDecorator;
  export abstract class WorkerHost { abstract process(job: object, token?: string): Promise<unknown>; }
}
declare module 'bullmq' {
  export interface Job<T> { readonly data: T; moveToDelayed(timestamp: number, token?: string): Promise<void>; }
}
`;

/**
 * Every example of the README and of docs/ compiles against the sources: one with imports as it stands, one without in the surroundings that
 * it leaves to the reader. So a renamed method or option is found in the page, too.
 */
describe('the examples of the README and of docs/', () => {
  const folder = join(ROOT, `node_modules/.cache/docs-${process.pid}`); // below the packages that they import
  let complaints: string;

  beforeAll(async () => {
    const broken = { title: 'broken', text: "await locks.acquire('a', { ttl: 5 });\n" };
    complaints = await compile([...examples, broken]);
  }, 60_000);

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function compile(all: typeof examples): Promise<string> {
    mkdirSync(folder, { recursive: true });
    const write = (file: string, text: string) => writeFileSync(join(folder, file), text);
    all.forEach(({ title, text }) => write(fileOf(title), surrounded(text)));
    write('reader.d.ts', LEFT_TO_THE_READER);
    write('vitest.d.ts', "declare module 'vitest' { export { describe, it } from '@jest/globals'; }\n");
    write('peers.d.ts', PEERS);
    write('nestjs-config.d.ts', NESTJS_CONFIG);
    write('terminus.d.ts', TERMINUS);
    write('package.json', '{ "type": "module" }');
    const paths = {
      'nestjs-distributed-lock': [join(ROOT, 'src/index.ts')],
      'nestjs-distributed-lock/engine': [join(ROOT, 'lib/index.ts')],
      'nestjs-distributed-lock/testing': [join(ROOT, 'src/testing/index.ts')],
      'nestjs-distributed-lock/terminus': [join(ROOT, 'src/terminus/index.ts')],
      'nestjs-distributed-lock/engine/testing': [join(ROOT, 'lib/testing/index.ts')],
      'nestjs-distributed-lock/postgres': [join(ROOT, 'lib/stores/postgres/index.ts')],
      'nestjs-distributed-lock/schedule': [join(ROOT, 'src/schedule/index.ts')],
      'nestjs-distributed-lock/bullmq': [join(ROOT, 'src/bullmq/index.ts')],
    };
    write(
      'tsconfig.json',
      JSON.stringify({
        extends: '../../../tsconfig.json',
        compilerOptions: { noEmit: true, paths, rootDir: ROOT, typeRoots: ['../../@types'] },
        include: [],
        files: [
          'reader.d.ts',
          'vitest.d.ts',
          'peers.d.ts',
          'nestjs-config.d.ts',
          'terminus.d.ts',
          ...OPTIONAL_PEERS,
          ...all.map(({ title }) => fileOf(title)),
        ],
      }),
    );
    const run = promisify(execFile)(process.execPath, [TSC, '-p', folder], { cwd: folder });
    return run.then(
      () => '',
      (error: unknown) => (error as { stdout: string }).stdout,
    );
  }

  it.each(examples)('$title compiles', ({ title }) => {
    const own = complaints.split('\n').filter((line) => line.includes(fileOf(title)));
    expect(own.join('\n')).toBe('');
  });

  it('are all found, and an option that does not exist would be, too', () => {
    expect(examples.length).toBeGreaterThan(15);
    expect(complaints.trim().split('\n')).toEqual([
      expect.stringMatching(/broken\.ts.*'ttl' does not exist/),
    ]);
  });
});

const fileOf = (title: string) => `${title.replaceAll(/[^\w]+/g, '-').replace(/-$/, '')}.ts`;

/** What is left out with `…`, and the surroundings of an example without imports. */
function surrounded(example: string): string {
  const text = example.replaceAll('…', '/* … */');
  if (/^import /m.test(text)) return `${text}\nexport {};\n`;
  const imports = `import { ${Object.keys(nest).join(', ')} } from 'nestjs-distributed-lock';\nimport type { Redis } from 'ioredis';\nimport { Injectable } from '@nestjs/common';\nimport { Test } from '@nestjs/testing';\n`;
  const [first = ''] = text.split('\n');
  if (first.startsWith('@Injectable')) return `${imports}${text.replace('\nclass', '\nexport class')}`;
  const members = 'declare locks: LockService; declare groups: any; declare messages: any; report(): void {}';
  if (first.startsWith('@')) {
    const method = /^(async )?\w+\(.*\{$/m.test(text)
      ? ''
      : 'async method(dto: PayDto, groupId: string): Promise<void> {}';
    return `${imports}export class Reader {\n${text}${method}\n${members}\n}\n`;
  }
  return `${imports}export class Reader {\nasync method(request: any) {\n${text}\n}\n${members}\n}\n`;
}

/** Not installed here; test/ecosystem runs such an application with the package itself. */
const NESTJS_CONFIG = `declare module '@nestjs/config' {
  export class ConfigModule { static forRoot(): import('@nestjs/common').DynamicModule }
  export class ConfigService { get<T>(key: string, otherwise: T): T; getOrThrow<T>(key: string): T }
}
`;

/** Names that examples take for granted. What is ours has its true type. */
const LEFT_TO_THE_READER = `
declare const locks: import('nestjs-distributed-lock').LockService;
declare const db: any, id: string, amount: number, url: string, groupId: string, rows: any[], groups: any;
declare const REDIS: symbol, OTHER: string, GroupsModule: any, AppModule: any;
declare const postgresStore: typeof import('nestjs-distributed-lock/postgres').postgresStore;
declare const Cron: (expression: string) => MethodDecorator;
declare const clock: import('nestjs-distributed-lock/testing').ManualClock;
declare const expect: typeof import('@jest/globals').expect;
declare function myStore(options: { url: string }): import('nestjs-distributed-lock').LockStore;
declare function myProbe(prefix: string): any;
interface PayDto { orderId: string }
`;

/** Not installed here; the ecosystem specs run with it. */
const TERMINUS = `
declare module '@nestjs/terminus' {
  export const HealthCheck: () => MethodDecorator;
  export class HealthCheckService { check(of: (() => Promise<Record<string, object>>)[]): Promise<object>; }
}
`;
