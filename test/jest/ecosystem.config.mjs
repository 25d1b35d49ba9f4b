// Copied into the application that runs the specs. Nest 11 is CommonJS there, and gets our CommonJS build; Nest 12 is ES modules.
const isEsm = process.env.ECOSYSTEM_NEST !== '11';

/** @type {import('jest').Config} */
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/specs'],
  testRegex: '\\.(spec|jest)\\.ts$',
  // For a hang, as in the suite of the package itself.
  testTimeout: 60_000,
  cacheDirectory: '<rootDir>/.jest-cache',
  extensionsToTreatAsEsm: isEsm ? ['.ts'] : [],
  moduleNameMapper: {
    '^(\\.{1,2}/.*)\\.js$': '$1',
    // @fastify/static, which mercurius loads, requires its own, later one: an ES module, which Jest cannot require on Node 20.
    '^content-disposition$': '<rootDir>/../../node_modules/content-disposition',
  },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        swcrc: false,
        module: { type: isEsm ? 'es6' : 'commonjs' },
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
  injectGlobals: false,
  restoreMocks: true,
};
