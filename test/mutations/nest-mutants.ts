import { contract, type Mutant, suite } from './mutant.js';

/** Protections in the Nest module. */
export const nestMutants: readonly Mutant[] = [
  {
    name: 'interceptor: a client that leaves ends its wait',
    edits: [
      {
        file: 'src/transports/response-watch.ts',
        find: 'if (this.#gone) stop.abort(new ClientGoneError());',
        put: '',
      },
    ],
    suites: [suite('test/nest/http.spec.ts', 'stops waiting when the client goes away')],
  },
  {
    name: 'never locked twice: the wrapper sees what the interceptor holds',
    edits: [
      {
        file: 'src/call/locked-call.ts',
        find: 'if (note?.held !== undefined) return callUnderHeldLock(note, note.held, { self, args });',
        put: '',
      },
    ],
    suites: [suite('test/nest/methods.spec.ts', 'one lock for a request')],
  },
  {
    name: 'never locked twice: an interceptor that is registered twice',
    edits: [
      {
        file: 'src/call/lock.interceptor.ts',
        find: ' || currentCallNote()?.context === context) return',
        put: ') return',
      },
    ],
    suites: [suite('test/nest/two-services.spec.ts')],
  },
  {
    name: 'a second call in one request is a call of its own',
    edits: [
      {
        file: 'src/call/call-note.ts',
        find: ' || note.taken) return undefined;',
        put: ') return undefined;',
      },
    ],
    suites: [suite('test/nest/methods.spec.ts', 'a second call of the same handler')],
  },
  {
    name: 'no handler begins after the lock was given back',
    edits: [
      { file: 'src/call/locked-call.ts', find: 'if (openWork.over) throw new ClientGoneError();', put: '' },
    ],
    suites: [suite('test/nest/streams.spec.ts', 'no handler that begins')],
  },
  {
    name: 'a stream keeps its lock to its end',
    edits: [
      {
        file: 'src/call/open-work.ts',
        find: 'return this.busy ? new Promise((resolve) => (this.#becomeIdle = resolve)) : undefined;',
        put: 'return undefined;',
      },
    ],
    suites: [suite('test/nest/streams.spec.ts')],
  },
  {
    name: 'copies: errors of another copy are recognised',
    edits: [
      {
        file: 'lib/runtime/process-wide.ts',
        find: "return typeof value === 'object' && value !== null && brand in value;",
        put: 'return Function.prototype[Symbol.hasInstance].call(this, value);',
      },
    ],
    suites: [suite('test/two-copies.spec.ts', 'recognises our errors')],
  },
  {
    name: 'copies: the lock service is found under the class of another copy',
    edits: [{ file: 'src/startup/copies.ts', find: 'tokens.delete(own);', put: 'tokens.clear();' }],
    suites: [suite('test/two-copies.spec.ts', 'is given our lock service')],
  },
  {
    name: 'copies: a format that we do not understand is refused',
    edits: [
      {
        file: 'src/startup/copies.ts',
        find: 'if (copy.format === COPY_FORMAT) return',
        put: 'if (copy) return',
      },
    ],
    suites: [suite('test/two-copies.spec.ts', 'does not understand ours')],
  },
  {
    name: 'copies: the status of the decorator reaches the filter',
    edits: [
      {
        file: 'src/transports/http/busy-status.ts',
        find: "processWide('busy-statuses', () => new WeakMap<object, number>())",
        put: 'new WeakMap<object, number>()',
      },
    ],
    suites: [suite('test/two-copies.spec.ts', 'with its own status')],
  },
  {
    name: 'wrapped methods: the function above is told that it is locked',
    edits: [
      { file: 'src/locked-spec.ts', find: 'Reflect.defineMetadata(LOCKED, recorded, method);', put: '' },
    ],
    suites: [suite('test/nest/wrapped-methods.spec.ts')],
  },
  {
    name: 'wrapped methods: a @Locked that was taken away stops the start',
    edits: [
      {
        file: 'src/locked-spec.ts',
        find: 'method === recorded.original || found !== undefined',
        put: 'false',
      },
    ],
    suites: [suite('test/nest/wrapped-methods.spec.ts')],
  },
  {
    name: 'the filter and the interceptor find what they need in any module',
    edits: [
      {
        file: 'src/distributed-lock.module.ts',
        find: 'return [token, LOCK_REGISTRY, ...tokens];',
        put: 'return [token, ...tokens];',
      },
    ],
    suites: [suite('test/nest/named-by-hand.spec.ts')],
  },
  {
    name: 'an application that did not start: unused connections keep no process alive',
    edits: [{ file: 'lib/stores/redis/redis-connections.ts', find: 'else handle?.unref?.();', put: '' }],
    suites: [suite('test/nest/failed-start.spec.ts', 'has a module that fails in onModuleInit')],
  },
  {
    name: 'a process that only waits for a lock lives on',
    edits: [
      {
        file: 'lib/stores/redis/redis-store.ts',
        find: 'session.connections.keepProcessAlive();\n    const acquisition',
        put: 'const acquisition',
      },
    ],
    suites: [suite('test/nest/failed-start.spec.ts', 'does nothing but wait')],
  },
  {
    name: 'a process that closes comes to the end of it',
    edits: [
      {
        file: 'lib/stores/redis/redis-session.ts',
        find: 'this.connections.keepProcessAlive(); // a process',
        put: '// a process',
      },
    ],
    suites: [suite('test/readme.spec.ts', 'stops by itself when asked to')],
  },
  {
    name: 'a closed store serves the next manager: memory',
    edits: [{ file: 'lib/stores/memory/memory-store.ts', find: 'this.#closed = false;', put: '' }],
    suites: [contract('memory', 'closing')],
  },
  {
    name: 'a closed store serves the next manager: Redis begins a new session',
    edits: [
      {
        file: 'lib/stores/redis/redis-store.ts',
        find: 'this.#attached = this.#session = this.#home = undefined',
        put: 'this.#attached = undefined',
      },
    ],
    suites: [contract('redis', 'closing')],
  },
  {
    name: 'an application that did not start: a wrong template gives the store back',
    edits: [{ file: 'src/startup/locked-methods.explorer.ts', find: 'this.registry.abandon();', put: '' }],
    suites: [suite('test/nest/module.spec.ts', 'give the store back')],
  },
];
