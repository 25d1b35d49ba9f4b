import { findPostgresBin, HOW_TO_INSTALL_POSTGRES } from './scripts/find-postgres.mjs';

import { spawnSync } from 'node:child_process';
import vm from 'node:vm';

// Nest 12 is ESM-only. Jest runs ES modules through vm.SourceTextModule, which Node hides behind
// a flag, so start again with it: `npx jest`, `npm test` and IDE runners then all just work.
if (!('SourceTextModule' in vm)) {
  const flags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
  const { status } = spawnSync(process.execPath, [...flags, ...process.execArgv, ...process.argv.slice(1)], {
    stdio: 'inherit',
  });
  process.exit(status ?? 1);
}

// Left out loudly, and only there: whoever changes that store needs the server.
const hasPostgres = findPostgresBin() !== null;
if (!hasPostgres) console.error(`THE TESTS OF THE POSTGRESQL STORE ARE LEFT OUT. ${HOW_TO_INSTALL_POSTGRES}`);

/** @type {import('jest').Config} */
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testRegex: '\\.spec\\.ts$',
  // These run in an application of their own, on Nest 11 and on Nest 12: npm run test:ecosystem.
  testPathIgnorePatterns: [
    '/node_modules/',
    '<rootDir>/test/ecosystem/',
    ...(hasPostgres ? [] : ['/test/stores/postgres', '/test/nest/postgres']),
  ],
  // For a hang. Bounds in time are judged by in-time.ts, which knows how busy the machine is.
  testTimeout: 120_000,
  maxWorkers: '100%',
  testSequencer: '<rootDir>/test/jest/longest-first.mjs',
  reporters: ['default', '<rootDir>/test/jest/not-judged-reporter.mjs'],
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: {
    '^nestjs-distributed-lock$': '<rootDir>/src/index.ts',
    '^nestjs-distributed-lock/engine$': '<rootDir>/lib/index.ts',
    '^nestjs-distributed-lock/testing$': '<rootDir>/src/testing/index.ts',
    '^nestjs-distributed-lock/terminus$': '<rootDir>/src/terminus/index.ts',
    '^nestjs-distributed-lock/engine/testing$': '<rootDir>/lib/testing/index.ts',
    '^nestjs-distributed-lock/postgres$': '<rootDir>/lib/stores/postgres/index.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        module: { type: 'es6' },
        jsc: {
          target: 'es2022',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: true },
          keepClassNames: true,
        },
        sourceMaps: 'inline',
      },
    ],
  },
  // Seen on Node 20: after sockets were reset (that is what the fault proxy is for) the process may spin for ever in its own clean-up
  // (node::Environment::CleanupHandles) with nothing of ours left. That no handle of ours stays is the business of faults/leaks.spec.ts,
  // whose processes must end by themselves.
  forceExit: true,
  injectGlobals: false,
  restoreMocks: true,
  coverageProvider: 'v8',
  collectCoverageFrom: ['lib/**/*.ts', 'src/**/*.ts', '!**/*.generated.ts', '!**/index.ts'],
};
