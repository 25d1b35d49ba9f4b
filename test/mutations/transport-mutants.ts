import { type Mutant, suite } from './mutant.js';

/** Protections of what clients are told, and of who is waited for. */
export const transportMutants: readonly Mutant[] = [
  {
    name: 'transports: a refusal over HTTP is an HttpException to filters that know no locks',
    edits: [
      {
        file: 'src/transports/http/http-transport.ts',
        find: 'return inFormOf(exception, error);',
        put: 'return error;',
      },
    ],
    suites: [suite('test/nest/transports.spec.ts', 'answers a busy lock')],
  },
  {
    name: 'transports: Retry-After is set for filters that know no locks',
    edits: [
      {
        file: 'src/transports/http/http-transport.ts',
        find: 'raw.setHeader(RETRY_AFTER, String(retryAfterS));',
        put: '',
      },
    ],
    suites: [suite('test/nest/transports.spec.ts', 'answers a busy lock')],
  },
  {
    name: 'transports: a catch-all filter is named when the application starts',
    edits: [
      {
        file: 'src/startup/locked-methods.explorer.ts',
        find: 'if (hasRoutes) warnOfOuterFilters(this.config, this.#logger);',
        put: '',
      },
    ],
    suites: [suite('test/nest/transports.spec.ts', 'answers a busy lock')],
  },
  {
    name: 'transports: a refusal in the form of Nest is still ours',
    edits: [{ file: 'src/transports/failure.ts', find: 'takeBrands(form, error);', put: '' }],
    suites: [suite('test/nest/transports.spec.ts')],
  },
  {
    name: 'transports: a connection that ends, ends the waits of its calls',
    edits: [
      {
        file: 'src/transports/connection-watch.ts',
        find: 'for (const stop of waits) stop.abort(new ClientGoneError());',
        put: '',
      },
    ],
    suites: [suite('test/nest/transports.spec.ts', 'is forgotten when the client leaves')],
  },
  {
    name: 'transports: a connection that has ended is waited for by nobody',
    edits: [
      {
        file: 'src/transports/connection-watch.ts',
        find: 'if (this.#gone) stop.abort(new ClientGoneError());\n        else ',
        put: '',
      },
    ],
    suites: [suite('test/nest/transports.spec.ts', 'of a client that is gone already')],
  },
  {
    name: 'transports: one listener on a connection, however many calls',
    edits: [
      {
        file: 'src/transports/connection-watch.ts',
        find: 'if (watch === undefined) watches',
        put: 'watches',
      },
    ],
    suites: [suite('test/nest/transports.spec.ts', 'leaves one listener')],
  },
  {
    name: 'transports: a field resolver shows clients no message of ours',
    edits: [
      {
        file: 'src/call/transport-edge.ts',
        find: 'return graphqlTransport.failure(error);',
        put: 'return error;',
      },
    ],
    suites: [suite('test/nest/transports.spec.ts', 'that is busy has extensions')],
  },
  {
    name: 'transports: a subscription that is left before its turn ends its wait',
    edits: [
      {
        file: 'src/call/locked-call.ts',
        find: 'wait.abort(LEFT);\n    return leave(value);',
        put: 'return leave(value);',
      },
    ],
    suites: [suite('test/nest/transports.spec.ts', 'that is left while it waits')],
  },
  {
    name: 'held streams: a web stream of a service method keeps the lock to its end',
    edits: [
      {
        file: 'src/call/open-work.ts',
        find: 'if (this.#watch === undefined && isWebStream(value)) return this.#trackWebStream(value) as T;',
        put: '',
      },
    ],
    suites: [suite('test/nest/service-streams.spec.ts', 'web stream is cancelled')],
  },
  {
    name: 'held streams: a foreign iterable of a service method keeps the lock to its end',
    edits: [
      {
        file: 'src/call/open-work.ts',
        find: 'return () => this.#trackIterable(given as AsyncIterable<unknown>);',
        put: 'return undefined;',
      },
    ],
    suites: [suite('test/nest/service-streams.spec.ts', 'has been iterated')],
  },
  {
    name: 'held streams: a cursor says its end with null',
    edits: [{ file: 'src/call/open-work.ts', find: '(result as unknown) === null || ', put: '' }],
    suites: [suite('test/nest/service-streams.spec.ts', 'cursor has given')],
  },
  {
    name: 'transports: handlers without global interceptors are reached',
    edits: [
      {
        file: 'src/distributed-lock.module.ts',
        find: '{ provide: HANDLER_EDGE, useFactory: reachHandlers, inject: [ModulesContainer] },',
        put: '',
      },
    ],
    suites: [suite('test/nest/transports.spec.ts', 'has one of its own')],
  },
  {
    name: 'transports: a handler is reached once, however many applications',
    edits: [
      { file: 'src/call/handler-edge.ts', find: 'if (!present.includes(edge)) Reflect', put: 'Reflect' },
    ],
    suites: [suite('test/nest/transports.spec.ts', 'has one of its own')],
  },
  {
    name: 'transports: a dropped event is said',
    edits: [{ file: 'src/call/transport-edge.ts', find: 'isEventHandler(handler)', put: 'handler === null' }],
    suites: [suite('test/nest/transports.spec.ts', 'says that an event was dropped')],
  },
];
