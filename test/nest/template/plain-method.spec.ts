import { describe, expect, it, jest } from '@jest/globals';
import { lockName, LockUsageError } from '../../../lib/index.js';
import { LockKey } from '../../../src/decorators/lock-key.decorator.js';
import { rememberLockKey } from '../../../src/template/lock-key-metadata.js';
import { compileNames } from '../../../src/template/compile-names.js';
import { phaseOf } from '../../../src/template/locked-method.js';
import { TemplateValueError } from '../../../src/template/template-value-error.js';
import { lockedMethod, plain, thrownBy } from './locked-method.js';

class Groups {
  join(groupId: unknown, user?: { id?: unknown; profile?: { name?: unknown } }): unknown {
    return [groupId, user];
  }
  rename({ groupId, to: { name } }: { groupId: string; to: { name: string } }): unknown {
    return [groupId, name];
  }
  pay(@LockKey('orderId') x: string, amount: number): unknown {
    return [x, amount];
  }
  many(first: string, ...ids: string[]): unknown {
    return [first, ids];
  }
}

describe('a template on a plain method', () => {
  it('names its own parameters and their fields', () => {
    expect(plain(Groups, 'join', 'group:<groupId>').fromArguments(['42'])).toEqual(['group:42']);
    expect(
      plain(Groups, 'join', 'u:<user.profile.name>').fromArguments([0, { profile: { name: 'ann' } }]),
    ).toEqual(['u:ann']);
    expect(plain(Groups, 'join', '<0>/<1.id>').fromArguments(['42', { id: 7 }])).toEqual(['42/7']);
  });

  it('follows destructuring to the argument', () => {
    const names = plain(Groups, 'rename', 'group:<groupId>:<name>');
    expect(names.fromArguments([{ groupId: '42', to: { name: 'x y' } }])).toEqual(['group:42:x%20y']);
  });

  it('takes a rest parameter as an array, one lock for each distinct element', () => {
    expect(plain(Groups, 'many', 'item:<ids[]>').fromArguments(['a', 'b', 'c', 'b'])).toEqual([
      'item:b',
      'item:c',
    ]);
  });

  it('knows a name that @LockKey gives', () => {
    expect(plain(Groups, 'pay', 'order:<orderId>').fromArguments(['o1', 5])).toEqual(['order:o1']);
  });

  it('works on a static method', () => {
    class Jobs {
      static run(@LockKey('job') id: string, other: string): unknown {
        return [id, other];
      }
    }
    const method = { targetClass: Jobs, methodName: 'run', original: Reflect.get(Jobs, 'run') as never };
    const names = compileNames('job:<job>:<other>', { ...lockedMethod(Groups, 'join'), ...method });
    expect(names.fromArguments(['1', '2'])).toEqual(['job:1:2']);
  });

  it('has a constant name without placeholders', () => {
    expect(plain(Groups, 'join', 'cron:nightly').fromArguments([])).toEqual(['cron:nightly']);
  });

  it('gives the names of several templates, each once', () => {
    expect(plain(Groups, 'join', ['a:<0>', 'b:<0>', 'a:<groupId>']).fromArguments(['1'])).toEqual([
      'a:1',
      'b:1',
    ]);
  });

  it.each([
    ['text', 'a:b/{c}%*', 'group:a%3Ab%2F%7Bc%7D%25%2A'],
    ['a safe integer', 42, 'group:42'],
    ['minus zero', -0, 'group:0'],
    ['a bigint', 2n ** 70n, 'group:1180591620717411303424'],
    ['a boolean', false, 'group:false'],
    ['text in NFD', 'é', 'group:%C3%A9'],
  ])('encodes %s', (_, value, name) => {
    expect(plain(Groups, 'join', 'group:<groupId>').fromArguments([value])).toEqual([name]);
  });

  it('gives the same name as lockName in code', () => {
    const id = 'a:b/(c)';
    expect(plain(Groups, 'join', 'group:<groupId>').fromArguments([id])).toEqual([lockName`group:${id}`]);
  });

  it.each([
    ['undefined', undefined],
    ['null', null],
    ['""', ''],
    ['an object', { id: 1 }],
    ['an array', ['1']],
    ['NaN', Number.NaN],
    ['1.5', 1.5],
    ['9007199254740992', 2 ** 53],
    ['a symbol', Symbol('x')],
    ['a function', () => '1'],
  ])('refuses %s instead of putting it into a name', (shown, value) => {
    const error = thrownBy<TemplateValueError>(() =>
      plain(Groups, 'join', 'group:<groupId>').fromArguments([value]),
    );
    expect(error).toBeInstanceOf(TemplateValueError);
    expect(error.message).toContain(
      `@Locked('group:<groupId>') on Groups.join: <groupId> is ${shown}; it must be a non-empty string`,
    );
    expect(error).toMatchObject({ code: 'LOCK_TEMPLATE_UNRESOLVED', clientFault: false });
  });

  it('brings spellings together with a formatter', () => {
    expect(plain(Groups, 'join', 'g:<groupId:int>').fromArguments(['-007'])).toEqual(['g:-7']);
    expect(plain(Groups, 'join', 'g:<groupId:int>').fromArguments(['090071992547409931'])).toEqual([
      'g:90071992547409931',
    ]);
    expect(plain(Groups, 'join', 'g:<groupId:lower>').fromArguments(['ÄB'])).toEqual(['g:%C3%A4b']);
    expect(plain(Groups, 'join', 'g:<groupId:upper>').fromArguments(['äb'])).toEqual(['g:%C3%84B']);
    expect(() => plain(Groups, 'join', 'g:<groupId:int>').fromArguments(['5x'])).toThrow(
      /<groupId:int> is "5x"; it must be an integer/,
    );
    expect(() => plain(Groups, 'join', 'g:<groupId:int>').fromArguments(['9'.repeat(1_000_000)])).toThrow(
      /must be an integer/,
    );
  });

  it('gives one name for each distinct element of an array, after its formatter', () => {
    const names = plain(Groups, 'join', 'item:<groupId[]:int>:stock');
    expect(names.fromArguments([['1', '02', 2]])).toEqual(['item:1:stock', 'item:2:stock']);
    expect(() => names.fromArguments([[]])).toThrow(/\[\] needs an array with at least one element/);
    expect(() => names.fromArguments(['1'])).toThrow(/is "1"; \[\] needs an array/);
    expect(() => names.fromArguments([['1', {}]])).toThrow(/is an object/);
    expect(() => plain(Groups, 'join', 'item:<groupId>').fromArguments([['1']])).toThrow(
      /for one lock per element write \[\]/,
    );
  });

  it('refuses a name that is too long, as a value error', () => {
    const error = thrownBy(() => plain(Groups, 'join', 'g:<groupId>').fromArguments(['x'.repeat(600)]));
    expect(error).toBeInstanceOf(TemplateValueError);
    expect(error.message).toMatch(/has 602 bytes, the limit is 512/);
    expect(() => plain(Groups, 'join', `${'x'.repeat(600)}:<groupId>`)).toThrow(/has 601 bytes/);
  });
});

describe('at start-up, on a plain method,', () => {
  const message = (spec: string, methodName = 'join') =>
    thrownBy(() => plain(Groups, methodName, spec)).message;

  it('a typo is an error that names the place, what is known, and the likely intention', () => {
    expect(message('group:<groupid>')).toBe(
      "@Locked('group:<groupid>') on Groups.join: <groupid> is not a parameter of this method; known here: groupId, user. Did you mean <groupId>?",
    );
    expect(message('group:<GROUPID>')).toMatch(/Did you mean <groupId>/);
    expect(message('group:<nothing-like-it>')).not.toContain('Did you mean');
  });

  it('a part of the request is an error, unless a parameter has that name', () => {
    expect(message('group:<params.groupId>')).toMatch(
      /not a parameter of this method, and a plain method has no request/,
    );
    expect(() => plain(Groups, 'join', 'u:<user.id>')).not.toThrow();
  });

  it('a method whose source shows no names is an error that names @LockKey, <0> and the key function', () => {
    class Native {
      join = undefined;
    }
    const method = {
      ...lockedMethod(Groups, 'join'),
      targetClass: Native,
      original: Groups.prototype.join.bind(new Groups()),
    };
    const { message: text } = thrownBy(() => compileNames('group:<groupId>', method));
    expect(text).toMatch(
      /on Native.join: <groupId> cannot be found: the source of this method does not show its parameter names/,
    );
    expect(text).toMatch(/@LockKey\('groupId'\).*<0>.*key function/);
    expect(compileNames('group:<0>', method).fromArguments(['1'])).toEqual(['group:1']);
  });

  it('a method that another decorator has wrapped is an error that says so', () => {
    class Wrapped {
      join(...args: unknown[]): unknown {
        return args;
      }
    }
    expect(() => plain(Wrapped, 'join', 'g:<groupId>')).toThrow(
      /shows only \.\.\.args: if a decorator wraps it, use @LockKey, <0>/,
    );
  });

  it('a minified method is an error that says so, and names @LockKey, the place and the key function', () => {
    const inBundle = (source: string) => {
      // oxlint-disable-next-line typescript/no-implied-eval -- as a minifier prints it; our build would put blanks there
      const bundled = new Function(`return class Orders{${source}}`) as () => typeof Groups;
      return (spec: string) => compileNames(spec, lockedMethod(bundled(), 'pay'));
    };
    const pay = inBundle('async pay(e,n){return e+n}');
    expect(thrownBy(() => pay('order:<orderId>')).message).toBe(
      "@Locked('order:<orderId>') on Orders.pay: <orderId> is not a parameter of this method; this looks minified, which gives parameters other names. " +
        "Give the argument a name with @LockKey('orderId'), or write its place, <0>, or use a key function; known here: e, n.",
    );
    expect(thrownBy(() => pay('order:<orderId.id>')).message).toContain('its place, <0.id>, or');
    expect(pay('order:<0>').fromArguments(['o'])).toEqual(['order:o']);
    const unpacked = inBundle('async pay({orderId:e,deep:{id:n}},...t){return e+n+t}');
    expect(thrownBy(() => unpacked('order:<orderId>')).message).toMatch(
      /minified.*its place, <0.orderId>, or/,
    );
    expect(thrownBy(() => unpacked('order:<id>')).message).toMatch(/minified.*its place, <0.deep.id>, or/);
  });

  it('a minified method whose new names meet those of the template is an error, not a lock on another parameter', () => {
    // oxlint-disable-next-line typescript/no-implied-eval
    const bundled = new Function('return class Moves{async move(n,a){return n+a}}') as () => typeof Groups;
    const method = lockedMethod(bundled(), 'move');
    expect(thrownBy(() => compileNames('row:<n>', method)).message).toMatch(
      /on Moves.move: <n> may be another parameter than its author meant: the source of this method is minified. .*@LockKey\('n'\).*<0>.*key function/,
    );
    class Readable {
      move(n: number, a: number): unknown {
        return [n, a];
      }
    }
    expect(plain(Readable, 'move', 'row:<n>').fromArguments([1, 2])).toEqual(['row:1']);
    rememberLockKey(method.targetClass.prototype as object, 'move', { name: 'n', index: 1 });
    expect(compileNames('row:<n>', method).fromArguments([1, 2])).toEqual(['row:2']);
  });

  it.each([[[]], [undefined], [null], [5], [{}], [[undefined]], [['']]])(
    'the name %j is an error',
    (spec) => {
      const error = thrownBy(() => plain(Groups, 'join', spec as never));
      expect(error).toBeInstanceOf(LockUsageError);
      expect(error.message).toContain('Groups.join');
    },
  );

  it('@LockKey refuses names that no template could write, and constructors', () => {
    const decorate = (name: unknown) => () => LockKey(name as string)(Groups.prototype, 'join', 0);
    for (const name of ['', '0', 'a.b', 'a b', '__proto__', 'constructor', undefined, '<a>']) {
      expect(decorate(name)).toThrow(/@LockKey on argument 0 of Groups.join/);
    }
    expect(() => LockKey('a')(Groups, undefined, 0)).toThrow(
      /@LockKey on the constructor of Groups: only methods/,
    );
  });
});

describe('a key function', () => {
  const names = (keyFunction: (...args: never[]) => unknown, args: unknown[]) =>
    plain(Groups, 'join', keyFunction as () => string).fromArguments(args);

  it('gets the final arguments, and its names are used as they are', () => {
    expect(names((groupId: string) => lockName`group:${groupId}`, ['a:b'])).toEqual(['group:a%3Ab']);
    expect(names((id: string) => ['a:b', id, 'a:b'], ['c'])).toEqual(['a:b', 'c']);
  });

  it('always runs in phase handler: before it there are no arguments, only [req, res, next]', () => {
    expect(phaseOf(() => 'x', 'request')).toBe('handler');
    expect(phaseOf('group:<id>', 'request')).toBe('request');
    expect(() => plain(Groups, 'join', () => 'x').fromRequest({})).toThrow(LockUsageError);
  });

  it.each([[undefined], [''], [' '], [[]], [['a', undefined]], [5], [{}], [null]])(
    'is refused when it returns %j',
    (result) => {
      const error = thrownBy<TemplateValueError>(() => names(() => result, []));
      expect(error.message).toMatch(
        /on Groups.join: the key function must return a non-empty string or a list of them/,
      );
      expect(error.clientFault).toBe(false);
    },
  );

  it('is refused when it returns a promise, and its rejection does not end the process', async () => {
    expect(() => names(() => Promise.reject(new Error('late')), [])).toThrow(/at once \(no promise\)/);
    await new Promise((resolve) => setImmediate(resolve)); // an unhandled rejection would fail this test here
  });

  it('is refused when it returns a query that runs once somebody waits for it, without running it', () => {
    const then = jest.fn();
    // oxlint-disable-next-line unicorn/no-thenable -- as queries of builders have it
    expect(() => names(() => ({ then }), [])).toThrow(/at once \(no promise\)/);
    expect(then).not.toHaveBeenCalled();
  });

  it.each([
    ['user:undefined', /returned "user:undefined", with the part "undefined", which is what a missing value/],
    ['null/seat', /the part "null"/],
    ['a:NaN:b', /the part "NaN"/],
    ['a:-Infinity', /the part "-Infinity"/],
    ['undefined', /the part "undefined"/],
    ['group:', /with nothing before or after a ":", which is what an empty value looks like/],
    [':group', /with nothing before or after a ":"/],
    ['user:[object Object]', /an object turned to text, which is the same for all of them/],
    ['user:[object Promise]/x', /an object turned to text/],
  ])('is refused when its name %p is one that an accident makes, for everybody the same', (name, says) => {
    for (const result of [name, ['fine', name]]) {
      const error = thrownBy<TemplateValueError>(() => names(() => result, []));
      expect(error.message).toMatch(says);
      expect(error.message).toMatch(/on Groups.join: .*; build names with lockName`…`, .*template/);
      expect(error).toMatchObject({ code: 'LOCK_TEMPLATE_UNRESOLVED', clientFault: false });
    }
  });

  it.each([
    'user:nullable',
    'user:is-null',
    'a:undefined-behaviour',
    'ip:::1',
    '::1',
    'fe80::',
    'Shop::Order:5',
    'https://example.org/a/',
    '/srv/data',
    'group:0',
    'flag:false',
  ])('may give the name %p', (name) => {
    expect(names(() => name, [])).toEqual([name]);
  });

  it('may build a name from a value that is called null with lockName: that one is no accident', () => {
    const [name] = names((id: string) => lockName`user:${id}`, ['null']);
    expect(plain(Groups, 'join', 'user:<groupId>').fromArguments(['null'])).toEqual([name]);
  });
});
