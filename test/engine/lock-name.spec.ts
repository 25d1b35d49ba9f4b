import { describe, expect, it } from '@jest/globals';
import { canonicalName, encodeNameValue, lockName } from '../../lib/lock-name.js';

describe('a lock name', () => {
  it('stays as it is, separators and odd characters included', () => {
    for (const name of ['group:42', 'a/b', '{x}', '100%', '*', ' x ', 'a\nb', '🔒'])
      expect(canonicalName(name)).toBe(name);
  });

  it('is one name however its accents were typed', () => {
    expect(canonicalName('cafe\u0301')).toBe('caf\u00e9');
  });

  it.each([
    ['', 'got ""'],
    ['  \t', 'got "  \\t"'],
    [undefined, 'got undefined'],
    [null, 'got null'],
    [42, 'got 42'],
    [42n, 'got 42n'],
    [{ id: 1 }, 'got an object'],
    [['a'], 'got an array'],
    [() => 'a', 'got a function'],
    ['a\0b', 'NUL'],
    ['a\ud83d', 'surrogate'],
    ['x'.repeat(513), 'has 513 bytes, the limit is 512'],
    ['\u{1F512}'.repeat(129), 'has 516 bytes, the limit is 512'],
  ])('%p is LOCK_NAME_INVALID, and the message says «%s»', (name, says) => {
    const check = () => canonicalName(name);
    expect(check).toThrow(
      expect.objectContaining({ name: 'LockUsageError', code: 'LOCK_NAME_INVALID', retryable: false }),
    );
    expect(check).toThrow(says);
  });

  it('of 512 bytes is a name, and a long one does not fill the message when it is refused', () => {
    expect(canonicalName('x'.repeat(512))).toHaveLength(512);
    expect(() => canonicalName('x'.repeat(100_000))).toThrow(/^.{0,250}$/);
  });
});

describe('lockName`…`', () => {
  it('keeps the text as written and encodes every value', () => {
    expect(lockName`group:${5}/seat:${'a:b/c'}`).toBe('group:5/seat:a%3Ab%2Fc');
    expect(lockName`plain`).toBe('plain');
  });

  it('lets no value reach another lock: different values never give one name', () => {
    const values = [
      '1:admin',
      '1',
      '1/admin',
      '{1}',
      '}',
      '%',
      '%3A',
      ':',
      '*',
      '?',
      '\n',
      'é',
      '1 ',
      "1'",
      '1(',
      '1!',
    ];
    const names = values.map((value) => lockName`user:${value}:seat`);
    expect(new Set(names).size).toBe(values.length);
    for (const name of names)
      expect(name.slice('user:'.length, -':seat'.length)).toMatch(/^[A-Za-z0-9._~%-]+$/);
  });

  it('writes a value that is called like a missing one otherwise, so that no accident meets it', () => {
    expect(lockName`user:${'null'}/${'undefined'}`).toBe('user:%6Eull/%75ndefined');
    expect(lockName`user:${'-Infinity'}`).toBe('user:%2DInfinity');
    for (const text of ['undefined', 'null', 'NaN', 'Infinity', '-Infinity']) {
      expect(lockName`user:${text}`).not.toBe(`user:${text}`);
      expect(decodeURIComponent(lockName`${text}`)).toBe(text);
    }
    expect(lockName`user:${'nullable'}:${'Null'}`).toBe('user:nullable:Null');
    expect(lockName`user:${'%6Eull'}`).toBe('user:%256Eull');
  });

  it.each([
    undefined,
    null,
    '',
    Number.NaN,
    Infinity,
    1.5,
    2 ** 53,
    {},
    [],
    Symbol('x'),
    () => 1,
    new Date(0),
    'a\ud83d',
  ])('refuses the value %p instead of locking «undefined» for everybody', (value) => {
    const build = () => lockName`order:${value}`;
    expect(build).toThrow(expect.objectContaining({ code: 'LOCK_TEMPLATE_UNRESOLVED' }));
    expect(build).toThrow(/value 1 .*after "order:"/);
  });
});

describe('a value in a name', () => {
  it.each([
    [5, '5'],
    [-5, '-5'],
    [0, '0'],
    [-0, '0'],
    [12n, '12'],
    [true, 'true'],
    ['05', '05'],
    ['A.z_0~-', 'A.z_0~-'],
    ['a b', 'a%20b'],
    ['cafe\u0301', 'caf%C3%A9'],
    ['caf\u00e9', 'caf%C3%A9'],
    ["!'()*", '%21%27%28%29%2A'],
    ['\0', '%00'],
    ['🔒', '%F0%9F%94%92'],
  ])('%p is written %s', (value, written) => {
    expect(encodeNameValue(value)).toBe(written);
  });
});
