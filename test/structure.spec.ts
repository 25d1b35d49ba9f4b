import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';

import { GENERATED_FILE, generateScripts } from '../scripts/build-lua.mjs';
import { GENERATED_SQL, generateSql } from '../scripts/build-sql.mjs';
import { circlesOf, importRule } from './support/import-rules.js';
import { ROOT, sourceFile, sourceFiles, type SourceFile } from './support/source-files.js';
import * as rules from './support/structure-rules.js';

const lib = sourceFiles('lib');
const src = sourceFiles('src');
const sampleApp = sourceFiles('sample-app');
const scripts = sourceFiles('scripts');
const test = sourceFiles('test');
const specs = test.filter(({ path }) => path.endsWith('.spec.ts'));
/** In a spec the case table is one long function, and its length is no burden to a reader. */
const code = [lib, src, sampleApp, scripts, test].flat().filter((file) => !specs.includes(file));

/** Where time and chance come from, and where a test waits one turn of the event loop, which no clock can move. */
const CLOCKS = new Set([
  'lib/runtime/clock.ts',
  'lib/runtime/owner-token.ts',
  'lib/testing/manual-clock.ts',
  'lib/testing/contract/contract-bench.ts',
]);

interface Law {
  readonly says: string;
  readonly rule: rules.Rule;
  readonly files: readonly SourceFile[];
  /** What the rule must find in a text: the rule itself is on trial. */
  readonly bad: readonly (readonly [path: string, text: string])[];
  readonly good: readonly (readonly [path: string, text: string])[];
}

const LAWS: readonly Law[] = [
  {
    says: 'folders import only what their layer may know',
    rule: importRule,
    files: [...code, ...specs],
    bad: [
      ['src/a.ts', `import { x } from '../lib/holding/lease.js';`],
      ['src/template/a.ts', `import type { X } from '../../lib/stores/lock-store.js';`],
      ['src/template/a.ts', `import type { X } from '../locked-spec.js';`],
      ['src/template/a.ts', `import { x } from '../call/locked-call.js';`],
      ['src/template/a.ts', `import { x } from '../startup/copies.js';`],
      ['src/template/a.ts', `import { x } from '../transports/http/route-metadata.js';`],
      ['src/transports/http/a.ts', `import { x } from '../../call/locked-call.js';`],
      ['src/transports/http/a.ts', `import { x } from '../../startup/lock.registry.js';`],
      ['src/transports/http/a.ts', `import type { X } from '../../startup/service-slot.js';`],
      ['src/transports/http/a.ts', `import { x } from '../../decorators/locked.decorator.js';`],
      ['src/transports/http/a.ts', `import { x } from '../ws/b.js';`],
      ['src/transports/http/a.ts', `import { x } from '../transports.js';`],
      ['src/transports/failure.ts', `import { x } from './http/b.js';`],
      ['src/transports/http/a.ts', `import type { X } from '../../startup/lock.registry.js';`],
      ['src/startup/a.ts', `import type { X } from '../call/open-work.js';`],
      ['src/startup/a.ts', `import { x } from '../decorators/locked.decorator.js';`],
      ['src/startup/a.ts', `import { x } from '../distributed-lock.module.js';`],
      ['src/call/a.ts', `import { x } from '../decorators/locked.decorator.js';`],
      ['src/call/a.ts', `import { x } from '../index.js';`],
      ['src/decorators/a.ts', `import { x } from '../transports/http/response-watch.js';`],
      ['src/decorators/a.ts', `import { x } from '../distributed-lock.module.js';`],
      ['src/lock.service.ts', `import type { X } from './startup/lock.registry.js';`],
      ['src/lock.tokens.ts', `import { x } from './call/locked-call.js';`],
      ['src/locked-spec.ts', `import { x } from './transports/http/route-metadata.js';`],
      ['src/locked-spec.ts', `import { x } from './distributed-lock.module.js';`],
      ['src/distributed-lock.module.ts', `import { x } from './decorators/locked.decorator.js';`],
      ['src/distributed-lock.module.ts', `import { x } from './index.js';`],
      ['src/terminus/a.ts', `import { x } from '../startup/lock.registry.js';`],
      ['src/index.ts', `export * from './terminus/index.js';`],
      ['src/testing/a.ts', `import { x } from '../call/locked-call.js';`],
      ['src/testing/a.ts', `import { x } from '../../lib/stores/memory/memory-store.js';`],
      ['src/index.ts', `export * from './testing/index.js';`],
      ['src/new-room/a.ts', `import { x } from '../lock.service.js';`],
      ['lib/new-room/a.ts', `import { x } from '../lock-errors.js';`],
      ['src/a.ts', `const x = await import('../test/support/x.js');`],
      ['lib/a.ts', `import { x } from '@nestjs/common';`],
      ['lib/a.ts', `import { x } from 'rxjs/operators';`],
      ['lib/a.ts', `import { x } from '../src/index.js';`],
      ['lib/a.ts', `import { x } from './stores/redis/redis-store.js';`],
      ['lib/a.ts', `import { x } from './holding/lease.js';`],
      ['lib/a.ts', `import { LockManager } from './lock-manager.js';`],
      ['lib/lock-manager.ts', `import { x } from './stores/redis/redis-store.js';`],
      ['lib/runtime/a.ts', `import type { X } from '../lock-options.js';`],
      ['lib/runtime/a.ts', `import type { X } from '../holding/lease.js';`],
      ['lib/holding/a.ts', `import type { X } from '../waiting/acquire-line.js';`],
      ['lib/waiting/a.ts', `import { x } from '../index.js';`],
      ['lib/stores/lock-store.ts', `import type { X } from '../lock-options.js';`],
      ['lib/a.ts', `export * from './testing/manual-clock.js';`],
      ['lib/a.ts', `import { x } from './index.js';`],
      ['lib/index.ts', `export * from './testing/index.js';`],
      ['lib/testing/a.ts', `import { x } from '../stores/memory/memory-store.js';`],
      ['lib/stores/redis/a.ts', `import { x } from '../../lock-options.js';`],
      ['lib/stores/redis/a.ts', `import { x } from '../memory/memory-store.js';`],
      ['lib/stores/redis/a.ts', `import { x } from '../redlock/quorum.js';`],
      ['lib/stores/mechanics/a.ts', `import type { X } from '../redis/redis-link.js';`],
      ['sample-app/src/a.ts', `import { x } from '../../src/index.js';`],
      ['sample-app/src/a.ts', `import { x } from 'nestjs-distributed-lock/engine';`],
      ['scripts/a.mjs', `import { x } from '../test/support/start-redis.js';`],
    ],
    good: [
      ['src/template/a.ts', `import { x } from '../../lib/index.js'; import { y } from '@nestjs/common';`],
      ['src/template/a.ts', `import { x } from './b.js'; import { y } from '../../lib/index.js';`],
      ['src/transports/http/a.ts', `import { x } from './b.js'; import { y } from '../../lock.tokens.js';`],
      ['src/transports/lock-exception.filter.ts', `import type { X } from '../startup/lock.registry.js';`],
      ['src/transports/transports.ts', `import { x } from './http/a.js';`],
      ['src/transports/http/a.ts', `import { x } from '../failure.js';`],
      [
        'src/startup/a.ts',
        `import { x } from '../transports/http/b.js'; import { y } from '../lock.service.js';`,
      ],
      ['src/call/a.ts', `import { x } from '../startup/b.js'; import { y } from '../transports/http/c.js';`],
      ['src/decorators/a.ts', `import { x } from '../call/b.js'; import { y } from '../startup/c.js';`],
      ['src/lock.tokens.ts', `import { x } from './lock.service.js'; import { y } from './template/b.js';`],
      [
        'src/distributed-lock.module.ts',
        `import { x } from './call/b.js'; import { y } from './startup/c.js';`,
      ],
      ['src/index.ts', `export * from './decorators/a.js'; export { x } from '../lib/index.js';`],
      [
        'src/testing/a.ts',
        `import { x } from '../../lib/testing/index.js'; import { y } from '../lock.tokens.js';`,
      ],
      ['lib/a.ts', `import type { X } from './stores/lock-store.js'; import { y } from 'node:util';`],
      ['lib/a.ts', `import { type X } from './holding/lease.js'; import { y } from './runtime/clock.js';`],
      ['lib/waiting/a.ts', `import { x } from '../holding/lease.js'; import { y } from '../lock-errors.js';`],
      ['lib/lock-manager.ts', `import { x } from './waiting/acquire-line.js';`],
      ['lib/index.ts', `export * from './stores/redis/redis-store.js';`],
      ['lib/testing/a.ts', `import { x } from '../lock-manager.js';`],
      ['lib/stores/redis/a.ts', `import { x } from '../../runtime/clock.js'; import { y } from './b.js';`],
      ['lib/stores/memory/a.ts', `import { x } from '../mechanics/tries.js';`],
      ['lib/stores/redlock/a.ts', `import { x } from '../redis/redis-store.js';`],
      ['sample-app/src/a.ts', `import { x } from 'nestjs-distributed-lock'; import { y } from './b.js';`],
      ['test/a.spec.ts', `import { x } from '../lib/holding/lease.js'; import { y } from './support/z.js';`],
    ],
  },
  {
    says: 'a file has at most 250 lines, or its first line says why not',
    rule: rules.fileLength,
    files: code,
    bad: [
      ['lib/a.ts', '\n'.repeat(250) + 'x'],
      ['lib/a.ts', '// over budget:\n'.repeat(251)],
    ],
    good: [
      ['lib/a.ts', 'x\n'.repeat(250)],
      ['lib/a.ts', '// over budget: one table\n'.repeat(251)],
    ],
  },
  {
    says: 'a function has at most 70 lines',
    rule: rules.functionLength,
    files: code,
    bad: [
      ['lib/a.ts', `function f() {${'\n'.repeat(70)}}`],
      ['lib/a.ts', `class A { m = () => {${'\n'.repeat(70)}} }`],
    ],
    good: [['lib/a.ts', `function f() {${'\n'.repeat(69)}}`]],
  },
  {
    says: 'a function takes at most three positional parameters',
    rule: rules.parameterCount,
    files: [...lib, ...src, ...sampleApp, ...scripts],
    bad: [
      ['lib/a.ts', 'const f = (a, b, c, d = 1) => a;'],
      ['src/a.ts', 'class A { constructor(a: A, b: B, c: C, d: D) {} }'],
      ['src/a.ts', '@Injectable() class A { m(a: A, b: B, c: C, d: D) {} }'],
    ],
    good: [
      ['lib/a.ts', 'function f(this: X, a, b, c, ...rest) {}'],
      ['src/a.ts', '@Injectable() class A { constructor(a: A, b: B, c: C, d: D) {} }'],
      ['lib/a.ts', 'interface Foreign { m(a: 1, b: 2, c: 3, d: 4): void }'],
    ],
  },
  {
    says: 'nothing is of the type any',
    rule: rules.noAny,
    files: [...lib, ...src],
    bad: [
      ['lib/a.ts', 'export const f = (x: any) => x;'],
      ['src/a.ts', 'let x = y as unknown as Promise<any[]>;'],
    ],
    good: [['lib/a.ts', 'const any: unknown = 1; // any']],
  },
  {
    says: 'nothing is exported without a name',
    rule: rules.noDefaultExport,
    files: [...lib, ...src, ...sampleApp, ...test.filter(({ path }) => !path.startsWith('test/jest/'))], // there Jest wants it so
    bad: [
      ['lib/a.ts', 'export default 1;'],
      ['lib/a.ts', 'export default class A {}'],
      ['lib/a.ts', 'const x = 1; export { x as default };'],
      ['lib/a.ts', 'export = x;'],
    ],
    good: [['lib/a.ts', `export const x = 1; switch (x) { default: } import y from 'y';`]],
  },
  {
    says: 'the engine touches no clock, timer or randomness directly',
    rule: rules.noHiddenClock,
    files: lib.filter(({ path }) => !CLOCKS.has(path)),
    bad: [
      'Date.now(), new Date(), Date(), globalThis.Date.now(), performance.now(), process.hrtime.bigint()',
      'Math.random(), crypto.randomUUID(), webcrypto.getRandomValues(b), f = Date.now',
      'setTimeout(f), globalThis.setInterval(f), setImmediate(f), AbortSignal.timeout(5)',
    ]
      .flatMap((texts) => texts.split(', '))
      .concat(
        `import { randomBytes } from 'node:crypto'`,
        `import { setTimeout as s } from 'node:timers/promises'`,
      )
      .map((text) => ['lib/a.ts', text] as const),
    good: [['lib/a.ts', `new Date(ms); clock.setTimer(5, f); clock.monotonicMs(); // Date.now()`]],
  },
  {
    says: 'the library never writes to the console',
    rule: rules.noConsole,
    files: [...lib, ...src],
    bad: [['lib/a.ts', 'console.warn(1);']],
    good: [['lib/a.ts', `process.emitWarning('console.log');`]],
  },
  {
    says: 'no name says timeout, TTL, expiry or duration',
    rule: rules.clearWords,
    files: [...lib, ...src],
    bad: [
      ['lib/a.ts', 'interface O { readonly acquireTimeoutMs?: number }'],
      ['lib/a.ts', 'interface O { ttl: number; lockTTL: number; keyTtlMs: number }'],
      ['lib/a.ts', 'class A { expiry = 1; }'],
      ['src/a.ts', 'function f(durationMs: number) {}'],
    ],
    good: [['lib/a.ts', `class A { settle() {} } new Redis({ commandTimeout: 5 });`]],
  },
  {
    says: 'a number of time ends in Ms',
    rule: rules.timesEndInMs,
    files: [...lib, ...src],
    bad: [
      ['lib/a.ts', 'interface O { lease: number }'],
      ['lib/a.ts', 'function f(retryDelay: number) {}'],
    ],
    good: [['lib/a.ts', 'interface O { leaseMs: number; lease: Lease; release: number }']],
  },
  {
    says: 'no test is left out',
    rule: rules.noTestLeftOut,
    files: specs,
    bad: [
      'it.only',
      'test.skip',
      'describe.only',
      'it.todo',
      'it.each.skip',
      'it.skip.each',
      'xit',
      'fdescribe',
    ].map((word) => ['test/a.spec.ts', `${word}('x', () => {});`] as const),
    good: [['test/a.spec.ts', `it.each([])('it.only', () => store.skip('xit'));`]],
  },
];

describe.each(LAWS)('$says', ({ rule, files, bad, good }) => {
  it('holds', () => {
    expect(files.length).toBeGreaterThan(0);
    expect(files.flatMap((file) => rule(file))).toEqual([]);
  });

  it('would be seen broken', () => {
    expect(bad.filter(([path, text]) => rule(sourceFile(path, text)).length === 0)).toEqual([]);
  });

  it('finds no fault with what is right', () => {
    expect(good.flatMap(([path, text]) => rule(sourceFile(path, text)))).toEqual([]);
  });
});

describe('files that import each other in a circle', () => {
  const circle = (a: string, b: string) => [
    sourceFile('lib/x/a.ts', a),
    sourceFile('lib/x/b.ts', `import type { A } from './a.js';`),
    sourceFile('lib/y/c.ts', b),
  ];

  it('are in one room, and know each other by type only', () => {
    expect(circlesOf([...lib, ...src])).toEqual([]);
  });

  it('would be seen', () => {
    const atRunTime = circle(`import { b } from './b.js';`, '');
    atRunTime[1] = sourceFile('lib/x/b.ts', `import { a } from './a.js';`);
    expect(circlesOf(atRunTime)).not.toEqual([]);
    const acrossRooms = circle(`import type { C } from '../y/c.js';`, `import { a } from '../x/a.js';`);
    expect(circlesOf(acrossRooms)).not.toEqual([]);
  });

  it('are let be inside a room', () => {
    expect(circlesOf(circle(`import { type B } from './b.js';`, `import { a } from '../x/a.js';`))).toEqual(
      [],
    );
  });
});

describe('the SQL of the PostgreSQL store', () => {
  it('is what the checked-in module says', () => {
    expect(readFileSync(GENERATED_SQL, 'utf8')).toBe(generateSql());
  });
});

describe('the Lua scripts', () => {
  it('are what the checked-in module says', () => {
    expect(readFileSync(GENERATED_FILE, 'utf8')).toBe(generateScripts());
  });

  it('each say what they do, what they take and what they answer', () => {
    const folder = new URL('../lib/stores/redis/scripts/', import.meta.url);
    const silent = readdirSync(folder)
      .filter((name) => name.endsWith('.lua'))
      .filter((name) => {
        const lua = readFileSync(new URL(name, folder), 'utf8');
        return !lua.startsWith('--') || !/KEYS/.test(lua) || !/ARGV/.test(lua) || !/-- *[Rr]epl/.test(lua);
      });
    expect(silent).toEqual([]);
  });
});

describe('the house', () => {
  it.each([
    'README.md',
    'ARCHITECTURE.md',
    'CONTRIBUTING.md',
    'CHANGELOG.md',
    'LICENSE',
    'test/README.md',
    '.ci/run',
  ])('has %s', (path) => {
    expect(existsSync(join(ROOT, path))).toBe(true);
  });

  it('has a page and a spec for each store', () => {
    const stores = readdirSync(join(ROOT, 'lib/stores'), { withFileTypes: true }).filter(
      (entry) => entry.isDirectory() && entry.name !== 'mechanics',
    );
    const missing = stores
      .flatMap(({ name }) => [`docs/stores/${name}.md`, `test/stores/${name}.spec.ts`])
      .filter((path) => !existsSync(join(ROOT, path)));
    expect(missing).toEqual([]);
  });
});
