import { type Mutant, suite } from './mutant.js';

/** Protections in templates, key functions and the names made of them. */
export const templateMutants: readonly Mutant[] = [
  {
    name: 'templates: nothing from Object.prototype',
    edits: [
      {
        file: 'src/template/read-fields.ts',
        find: "if ('get' in found && next !== null) return true;",
        put: "if ('get' in found) return true;",
      },
    ],
    suites: [suite('test/nest/template/read-fields.spec.ts')],
  },
  {
    name: 'templates: no method or value of a prototype',
    edits: [
      {
        file: 'src/template/read-fields.ts',
        find: 'throw foundOnPrototype(field, found, holder);',
        put: 'return true;',
      },
    ],
    suites: [suite('test/nest/template/read-fields.spec.ts')],
  },
  {
    name: 'templates: accessors of a class are read',
    edits: [
      {
        file: 'src/template/read-fields.ts',
        find: '!Object.hasOwn(value, field) && !inheritsAccessor(value, field)',
        put: '!Object.hasOwn(value, field)',
      },
    ],
    suites: [suite('test/nest/template/read-fields.spec.ts')],
  },
  {
    name: 'templates: the rejection of a promise in a value is heard',
    edits: [
      {
        file: 'src/template/read-fields.ts',
        find: 'promise.then(undefined, () => undefined);',
        put: '',
      },
    ],
    suites: [suite('test/nest/template/read-fields.spec.ts')],
  },
  {
    name: 'templates: what an accessor throws is no fault of the client',
    edits: [
      {
        file: 'src/template/placeholder-value.ts',
        find: 'return valueError(asOurs, `cannot be read',
        put: 'return valueError(rule, `cannot be read',
      },
    ],
    suites: [suite('test/nest/template/read-fields.spec.ts')],
  },
  {
    name: 'templates: no guess in minified source',
    edits: [
      {
        file: 'src/template/resolve-placeholder.ts',
        find: 'if (this.#own?.isMinified === true)',
        put: 'if (false)',
      },
    ],
    suites: [suite('test/nest/template/plain-method.spec.ts', 'minified')],
  },
  {
    name: 'key functions: no name that an accident made',
    edits: [
      {
        file: 'src/template/key-function.ts',
        find: 'for (const name of names) checkForAccidents(name, place);',
        put: '',
      },
    ],
    suites: [suite('test/nest/template/plain-method.spec.ts', 'a key function')],
  },
  {
    name: 'names: who is called null is not everybody without a name',
    edits: [{ file: 'lib/lock-name.ts', find: 'if (MISSING.has(text)) return', put: 'if (false) return' }],
    suites: [suite('test/engine/lock-name.spec.ts'), suite('test/nest/template/plain-method.spec.ts')],
  },
  {
    name: 'start-up: values whose type the build does not record are named',
    edits: [
      {
        file: 'src/startup/locked-methods.explorer.ts',
        find: 'warnOfUntypedValues(this.#logger, untyped);',
        put: '',
      },
    ],
    suites: [suite('test/nest/without-types.spec.ts')],
  },
  {
    name: 'templates: objects and arrays are refused before any step',
    edits: [
      {
        file: 'src/template/placeholder-value.ts',
        find: 'if (found !== undefined && found !== null && !isScalar(found)) {',
        put: 'if (false) {',
      },
    ],
    suites: [
      suite('test/nest/template/over-http.spec.ts'),
      suite('test/nest/template/plain-method.spec.ts'),
      suite('test/nest/template/canonical-form.spec.ts'),
    ],
  },
];
