/** What users and clients get wrong, or try: where the test of each row stands. `test/bad-input.spec.ts` sees to it that it does. */
export const BAD_INPUT_ROWS: readonly (readonly [input: string, file: string, title: string])[] = [
  [
    'a name that is empty, no text, an array, an object',
    'lib/testing/contract/bad-input-cases.ts',
    'a bad name is LOCK_NAME_INVALID everywhere',
  ],
  [
    'a name too long, with NUL, with half a surrogate pair',
    'test/engine/lock-name.spec.ts',
    "['x'.repeat(513), 'has 513 bytes",
  ],
  [
    'a template value that is missing',
    'test/nest/http.spec.ts',
    'answers 400 and names the value when the client left it out',
  ],
  [
    'a template value that is an object, NaN, a symbol',
    'test/engine/lock-name.spec.ts',
    'instead of locking «undefined» for everybody',
  ],
  ['a template path through a prototype', 'test/nest/template/lock-template.spec.ts', "'<body.__proto__.x>'"],
  [
    'a value of a client with a prototype of its own',
    'test/nest/template/read-fields.spec.ts',
    'is whatever somebody put on Object.prototype, an accessor too',
  ],
  [
    'a lease of 0, negative, NaN, Infinity, a fraction, a text',
    'lib/testing/contract/bad-input-cases.ts',
    'a bad leaseMs is LOCK_LEASE_INVALID',
  ],
  [
    'a wait longer than a timer of Node can be',
    'test/engine/clock.spec.ts',
    'waits 60 days for a timer of 60 days',
  ],
  [
    'a wait that is negative, or where nobody waits',
    'lib/testing/contract/bad-input-cases.ts',
    'waitMs for a call that never waits',
  ],
  [
    'an option that is unknown or not built',
    'lib/testing/contract/bad-input-cases.ts',
    'an option that is wrong, unknown or not built yet',
  ],
  [
    'a key of another type, of another program, without an end',
    'test/stores/redis-protocol.spec.ts',
    'in the place of the lock is LOCK_KEY_CONFLICT at once',
  ],
  [
    'a release by who is not the owner',
    'lib/testing/contract/lease-end-cases.ts',
    'the late release of an old holder is refused',
  ],
  [
    'a second acquire inside of the lock, where that is not wanted',
    'lib/testing/contract/bad-input-cases.ts',
    'asking again inside one’s own lock with reentrant: false is LOCK_REENTRANT',
  ],
  [
    'a list with one name twice',
    'lib/testing/contract/bad-input-cases.ts',
    'one distinct name in a list is that name',
  ],
  [
    'a list that is empty, too long, or of what is no name',
    'test/engine/several-names.spec.ts',
    'is refused, and nothing is locked: %s',
  ],
  [
    'a list of the client that is empty or too long',
    'test/nest/several-names.spec.ts',
    'is a 400, and nothing is locked: %s',
  ],
  ['a cluster', 'test/stores/redis-startup.spec.ts', 'refuses a server of a cluster'],
  ['a replica', 'test/stores/redis-startup.spec.ts', 'refuses a replica'],
  [
    'an eviction policy that takes locks',
    'test/stores/redis-startup.spec.ts',
    'warns of an eviction policy that takes locks',
  ],
  ['a server that is too old', 'test/stores/redis-startup.spec.ts', 'refuses a server that is too old'],
  ['a user who may too little', 'test/stores/redis-startup.spec.ts', 'names what a user lacks'],
  [
    'a signal that was aborted before',
    'lib/testing/contract/waiting-cases.ts',
    'a signal that is aborted before the call: nothing is locked',
  ],
  [
    'a signal that is none, or that throws',
    'test/engine/caller-signal.spec.ts',
    'hurts nobody but its own call: the next one has its turn',
  ],
  [
    'a result that throws when it is looked at',
    'test/nest/hostile-values.spec.ts',
    'gives it to its caller and its lock back',
  ],
  [
    'a signal that aborts while waiting',
    'lib/testing/contract/waiting-cases.ts',
    'a waiter that gives up leaves the queue',
  ],
  [
    'a work that throws',
    'lib/testing/contract/loss-cases.ts',
    'an error of the work is what the caller sees',
  ],
  [
    'a work that returns after the loss',
    'lib/testing/contract/loss-cases.ts',
    'a result obtained after the loss is not returned',
  ],
  [
    'a password in a URL',
    'test/stores/redis-protocol.spec.ts',
    'no owner token and no password is in any error',
  ],
  [
    'a password in a URL of any form',
    'test/stores/redis-secrets.spec.ts',
    'is in nothing that can be printed, wherever the URL is given and whatever its form',
  ],
  ['a client that is none of ioredis', 'test/stores/redis-trouble.spec.ts', 'what is no client of ioredis'],
  [
    'a client with options that hurt a lock',
    'test/stores/redis-options.spec.ts',
    'has no option that the table of this spec does not know',
  ],
  [
    'an owner token, printed',
    'test/engine/lease.spec.ts',
    'shows no owner token when it is printed or sent as JSON',
  ],
  ['an owner token, guessed', 'test/engine/owner-token.spec.ts', 'owner token'],
  [
    'a header, repeated in a message',
    'test/nest/template/route-handler.spec.ts',
    'never repeats a header in a message',
  ],
  [
    'a label of any characters',
    'lib/testing/contract/force-cases.ts',
    'a label of any characters comes back as it was',
  ],
];
