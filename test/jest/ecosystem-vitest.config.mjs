// Copied into the application that runs the specs. Vitest's own compiler writes no types of parameters, which Nest reads: swc does.
import swc from 'unplugin-swc';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  plugins: [
    swc.vite({
      swcrc: false,
      module: { type: 'es6' },
      jsc: {
        target: 'es2022',
        parser: { syntax: 'typescript', decorators: true },
        transform: { legacyDecorator: true, decoratorMetadata: true },
        keepClassNames: true,
      },
    }),
  ],
  test: { include: ['**/*.vitest.ts'], testTimeout: 60_000, hookTimeout: 60_000 },
});
