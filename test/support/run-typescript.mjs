/**
 * Runs our TypeScript sources in another process without a build: `node --import <this file> some-script.ts`.
 * The same compiler as in the tests (swc), and the package's own names lead to its sources, as in jest.config.mjs.
 * With `WITHOUT_DECORATOR_METADATA=1` it records no types, as esbuild and tsx do not.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { register } from 'node:module';
import { fileURLToPath } from 'node:url';
import { isMainThread } from 'node:worker_threads';

// Node evaluates this file twice: here it registers itself, and on the thread of the hooks it provides them.
if (isMainThread) register(import.meta.url);

const OWN_NAMES = new Map([
  ['nestjs-distributed-lock', new URL('../../src/index.ts', import.meta.url).href],
  ['nestjs-distributed-lock/engine', new URL('../../lib/index.ts', import.meta.url).href],
  ['nestjs-distributed-lock/testing', new URL('../../src/testing/index.ts', import.meta.url).href],
  ['nestjs-distributed-lock/terminus', new URL('../../src/terminus/index.ts', import.meta.url).href],
  ['nestjs-distributed-lock/engine/testing', new URL('../../lib/testing/index.ts', import.meta.url).href],
  ['nestjs-distributed-lock/postgres', new URL('../../lib/stores/postgres/index.ts', import.meta.url).href],
]);

export async function resolve(specifier, context, next) {
  const own = OWN_NAMES.get(specifier);
  if (own !== undefined) return { url: own, shortCircuit: true };
  if (/^\.{1,2}\/.*\.js$/.test(specifier) && context.parentURL !== undefined) {
    const source = new URL(specifier.replace(/\.js$/, '.ts'), context.parentURL);
    if (existsSync(source)) return { url: source.href, shortCircuit: true };
  }
  return next(specifier, context);
}

export async function load(url, context, next) {
  if (!url.startsWith('file:') || !url.endsWith('.ts')) return next(url, context);
  const { transform } = await import('@swc/core');
  const filename = fileURLToPath(url);
  const { code } = await transform(await readFile(filename, 'utf8'), {
    filename,
    swcrc: false,
    module: { type: 'es6' },
    jsc: {
      target: 'es2022',
      parser: { syntax: 'typescript', decorators: true },
      transform: {
        legacyDecorator: true,
        decoratorMetadata: process.env['WITHOUT_DECORATOR_METADATA'] === undefined,
        useDefineForClassFields: true,
      },
      keepClassNames: true,
    },
    sourceMaps: 'inline',
  });
  return { format: 'module', source: code, shortCircuit: true };
}
