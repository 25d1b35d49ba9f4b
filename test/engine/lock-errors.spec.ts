import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { recogniseCopies } from '../../lib/index.js';
import {
  describeKind,
  describeValue,
  keepSecret,
  LockBusyError,
  LockError,
  LockLostError,
  LockStoreError,
  LockUsageError,
  redactedCause,
  redactPasswords,
} from '../../lib/lock-errors.js';
import { storeError } from '../../lib/stores/redis/redis-errors.js';

describe('the four kinds of error', () => {
  const errors = [
    new LockBusyError('group:1', { retryAfterMs: 250 }),
    new LockBusyError('group:1', { retryAfterMs: 0, code: 'LOCK_QUEUE_FULL', message: 'too many wait' }),
    new LockLostError('group:1', { cause: 'expired' }),
    new LockStoreError('LOCK_STORE_UNAVAILABLE', 'no answer', { lockName: 'group:1' }),
    new LockStoreError('LOCK_STORE_READONLY', 'a replica', { lockName: 'group:1' }),
    new LockStoreError('LOCK_CLOSED', 'closing', { lockName: 'group:1' }),
    new LockUsageError('LOCK_LEASE_INVALID', 'leaseMs', { lockName: 'group:1' }),
  ];

  it('can be told apart by class, name and code, and carry the name of the lock', () => {
    expect(errors.map(({ name, code, retryable }) => [name, code, retryable])).toEqual([
      ['LockBusyError', 'LOCK_BUSY', true],
      ['LockBusyError', 'LOCK_QUEUE_FULL', true],
      ['LockLostError', 'LOCK_LOST', false],
      ['LockStoreError', 'LOCK_STORE_UNAVAILABLE', true],
      ['LockStoreError', 'LOCK_STORE_READONLY', true],
      ['LockStoreError', 'LOCK_CLOSED', false],
      ['LockUsageError', 'LOCK_LEASE_INVALID', false],
    ]);
    for (const error of errors) {
      expect(error).toBeInstanceOf(LockError);
      expect(error.lockName).toBe('group:1');
      expect(error.stack).toContain(error.name);
    }
  });

  it('keep their names in a minified bundle, where the classes have others', () => {
    const e = class e extends LockBusyError {};
    expect(new e('group:1', { retryAfterMs: 250 }).name).toBe('LockBusyError');
  });

  it('are printed under their names in a minified bundle, too', () => {
    const f = class f extends Error {
      override readonly name = 'LockBusyError';
    };
    recogniseCopies(f, 'LockBusyError');
    expect(inspect(new f('lock "a" is busy'))).toMatch(/^LockBusyError: lock "a" is busy\n/);
  });

  it('a busy one says when to come again', () => {
    expect(errors[0]).toMatchObject({ retryAfterMs: 250, message: 'lock "group:1" is held by someone else' });
  });

  it.each(['expired', 'taken', 'forced', 'shutdown', 'held-too-long'] as const)(
    'a loss by «%s» says so in words',
    (cause) => {
      const error = new LockLostError('group:1', { cause, note: 'by the operator' });
      expect(error.cause).toBe(cause);
      expect(error.message).toMatch(/^lock "group:1" was lost: .{10,} \(by the operator\)$/);
    },
  );

  it('a loss has no result and no reason until there is one', () => {
    const error = new LockLostError('group:1', { cause: 'taken' });
    expect([error.result, error.reason]).toEqual([undefined, undefined]);
  });
});

describe('the cause of a store error', () => {
  const OWNER_TOKEN = 'KIlWg5QQ8yMLfm4Jqm9ufg';
  const replyError = Object.assign(new Error('READONLY You can’t write against a read only replica.'), {
    name: 'ReplyError',
    code: 'READONLY',
    command: { name: 'evalsha', args: ['sha', '2', OWNER_TOKEN] },
  });

  it('keeps name, message and code, and drops the command with the owner token', () => {
    const { cause } = new LockStoreError('LOCK_STORE_READONLY', 'x', { cause: replyError });
    expect(cause).toMatchObject({ name: 'ReplyError', message: replyError.message, code: 'READONLY' });
  });

  it('shows no owner token and no password, however deep it is printed', () => {
    const failed = new Error('connect redis://app:hunter2@db:6379 failed', { cause: replyError });
    for (const cause of [
      failed,
      replyError,
      'rediss://app:hunter2@db',
      { message: '//app:hunter2@db', command: OWNER_TOKEN },
    ]) {
      const error = new LockStoreError('LOCK_STORE_UNAVAILABLE', 'x', { cause });
      const printed = inspect(error, { depth: Infinity, showHidden: true }) + JSON.stringify(error);
      expect(printed).not.toContain('hunter2');
      expect(printed).not.toContain(OWNER_TOKEN);
    }
  });

  it('leaves our own errors as they are, and has no cause when none was given', () => {
    const ours = new LockUsageError('LOCK_TOPOLOGY', 'x');
    expect(redactedCause(ours)).toBe(ours);
    expect('cause' in new LockStoreError('LOCK_CLOSED', 'x')).toBe(false);
  });
});

describe('what is shown of values', () => {
  it('a password in a URL never', () => {
    expect(redactPasswords('redis://u:p@h:1 and rediss://:secret@h2/0')).toBe(
      'redis://***@h:1 and rediss://***@h2/0',
    );
    expect(redactPasswords('redis://h:1/0 mail@example.org')).toBe('redis://h:1/0 mail@example.org');
  });

  it('a URL with a raw @ or a parameter neither, nor what is known to be a secret, in any of its forms', () => {
    keepSecret('pw: "/@"');
    keepSecret('x');
    expect(redactPasswords('redis://u:p@q@h:1?db=1&password=s&x=y')).toBe(
      'redis://***@h:1?db=1&password=***&x=y',
    );
    expect(redactPasswords(`says pw: "/@" or pw%3A%20%22%2F%40%22 or ${JSON.stringify('pw: "/@"')}`)).toBe(
      'says *** or *** or "***"',
    );
    expect(redactPasswords('a text with x')).toBe('a text with x');
    expect(describeKind('secret')).toBe('a text (not shown: it may hold a password)');
    expect(describeKind(5)).toBe('5');
  });

  it('of a command that a server does not know, no argument', () => {
    const refused = Object.assign(
      new Error("ERR unknown command 'evalsha', with args beginning with: 'sha' 'owner'"),
      {
        name: 'ReplyError',
      },
    );
    const error = storeError(refused, 'place');
    expect(error).toMatchObject({
      code: 'LOCK_STORE_UNSUPPORTED',
      message: "place: ERR unknown command 'evalsha'",
    });
    expect(inspect(error, { showHidden: true })).not.toContain('owner');
  });

  it.each([
    [null, 'null'],
    [undefined, 'undefined'],
    ['a"b', '"a\\"b"'],
    [5, '5'],
    [5n, '5n'],
    [true, 'true'],
    [[1], 'an array'],
    [{ password: 'x' }, 'an object'],
    [Symbol('x'), 'a symbol'],
    [() => 1, 'a function'],
  ])('%p as %s', (value, shown) => {
    expect(describeValue(value)).toBe(shown);
  });

  it('a long text only by its beginning', () => {
    expect(describeValue('x'.repeat(1000))).toBe(`"${'x'.repeat(60)}…"`);
  });
});
