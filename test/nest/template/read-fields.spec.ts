import { afterEach, describe, expect, it } from '@jest/globals';
import vm from 'node:vm';
import type { TemplateValueError } from '../../../src/template/template-value-error.js';
import { http, plain, thrownBy } from './locked-method.js';

class Orders {
  pay(order: unknown, user?: unknown): unknown {
    return [order, user];
  }
}

const nameFor = (template: string, user: unknown) =>
  plain(Orders, 'pay', template).fromArguments([undefined, user]);
const errorFor = (template: string, user: unknown) =>
  thrownBy<TemplateValueError>(() => nameFor(template, user));

class Account {
  readonly #id: unknown;
  constructor(id: unknown) {
    this.#id = id;
  }
  get id(): unknown {
    return this.#id;
  }
  getId(): unknown {
    return this.#id;
  }
  set secret(_: string) {
    // only written
  }
}
class Customer extends Account {}
class Shop extends Customer {
  get owner(): Account {
    return new Account('o');
  }
}

const ownGetter = Object.defineProperty({}, 'id', { get: () => 'u1' });

/** As Mongoose makes the class of a document: accessors for the paths of the schema, defined on its prototype from outside. */
function documentClass(): new (values: Record<string, unknown>) => object {
  class Model {
    readonly _doc: Record<string, unknown>;
    constructor(values: Record<string, unknown>) {
      this._doc = values;
    }
  }
  const model = class extends Model {};
  for (const path of ['_id', 'name']) {
    Object.defineProperty(model.prototype, path, {
      enumerable: true,
      configurable: true,
      get(this: Model) {
        return this._doc[path];
      },
    });
  }
  Object.defineProperty(model.prototype, 'id', {
    configurable: true,
    get(this: Model) {
      return String(this._doc['_id']);
    },
  });
  return model;
}

class ObjectId {
  readonly buffer = Buffer.from('0123456789ab');
  toHexString(): string {
    return this.buffer.toString('hex');
  }
  toString(): string {
    return this.toHexString();
  }
}

describe('a field of a value', () => {
  it.each([
    ['a getter over a private field', new Account('u1'), 'u:u1'],
    ['a getter inherited two levels up', new Shop('u1'), 'u:u1'],
    ['a getter of the object itself', ownGetter, 'u:u1'],
    ['a document of a class like one of Mongoose', new (documentClass())({ _id: 'u1', name: 'a' }), 'u:u1'],
    ['an object without a prototype', Object.assign(Object.create(null) as object, { id: 'u1' }), 'u:u1'],
    [
      'an own value over a getter',
      Object.defineProperty(new Account('class'), 'id', { value: 'own' }),
      'u:own',
    ],
    [
      'an instance from another realm',
      vm.runInNewContext(`new (class { get id() { return 'u1'; } })()`),
      'u:u1',
    ],
    ['a proxy around plain data', new Proxy({ id: 'u1' }, {}), 'u:u1'],
  ])('is read from %s', (_, user, name) => {
    expect(nameFor('u:<user.id>', user)).toEqual([name]);
  });

  it('is read through several accessors, and the length of an array is a value of its own', () => {
    expect(nameFor('u:<user.owner.id>', new Shop('x'))).toEqual(['u:o']);
    expect(nameFor('u:<user.length>', ['a', 'b'])).toEqual(['u:2']);
    expect(() => nameFor('u:<user.length>', 'abc')).toThrow(/<user.length> is undefined/);
  });

  it('is missing where a getter has nothing to give, or there is only a setter', () => {
    for (const [template, user] of [
      ['u:<user.id>', new Account(undefined)],
      ['u:<user.secret>', new Account('u1')],
      ['u:<user.nothing>', new Account('u1')],
    ] as const) {
      expect(errorFor(template, user).message).toMatch(/> is undefined; it must be a non-empty string/);
    }
  });
});

describe('what is found on a prototype and is not read', () => {
  afterEach(() => {
    delete (Object.prototype as { userId?: unknown }).userId;
  });

  it('is a method: the error says so, and what to write', () => {
    expect(errorFor('u:<user.getId>', new Shop('u1')).message).toBe(
      "@Locked('u:<user.getId>') on Orders.pay: <user.getId> is a method found on the prototype (of Account), and methods are not called. " +
        'Give the object a field of its own or its class an accessor (get getId() {…}), or use a key function',
    );
    expect(errorFor('u:<user.toString>', {}).message).toMatch(
      /is a method found on the prototype \(of Object\)/,
    );
  });

  it('is a value, which all objects of the class would share', () => {
    class Tagged {}
    Object.assign(Tagged.prototype, { id: 'every user' });
    expect(errorFor('u:<user.id>', new Tagged()).message).toMatch(
      /<user.id> is a value found on the prototype \(of Tagged\), where all objects share it, so it is not read. .*get id\(\)/,
    );
    expect(errorFor('u:<user.id>', Object.create({ id: 'x' })).message).toMatch(
      /a value found on the prototype/,
    );
  });

  it('is whatever somebody put on Object.prototype, an accessor too', () => {
    Object.defineProperty(Object.prototype, 'userId', { configurable: true, get: () => 'polluted' });
    expect(errorFor('u:<user.userId>', {}).message).toMatch(
      /an accessor found on the prototype \(of Object\)/,
    );
    expect(errorFor('u:<user.name.userId>', { name: {} }).message).toMatch(
      /an accessor found on the prototype/,
    );
    const foreign: unknown = vm.runInNewContext(`
      Object.defineProperty(Object.prototype, 'userId', { get: () => 'polluted' });
      ({})`);
    expect(errorFor('u:<user.userId>', foreign).message).toMatch(/an accessor found on the prototype/);
  });

  it('is the fault of the client where the client could have sent a field of that name', () => {
    const names = http(Orders, 'pay', 'u:<body.valueOf>');
    const error = thrownBy<TemplateValueError>(() => names.fromRequest({ body: {} }));
    expect(error).toMatchObject({
      clientFault: true,
      message: expect.stringMatching(/found on the prototype/),
    });
  });
});

describe('an accessor that throws', () => {
  class Torn {
    get id(): string {
      throw new RangeError('no id at redis://user:secret@host');
    }
    get text(): string {
      // oxlint-disable-next-line typescript/only-throw-error -- whatever a caller's object throws
      throw 'nothing';
    }
  }

  it('is an error of ours that says what it threw, with its cause and without its password', () => {
    const error = errorFor('u:<user.id>', new Torn());
    expect(error.message).toBe(
      "@Locked('u:<user.id>') on Orders.pay: <user.id> cannot be read: an accessor of the value threw RangeError: no id at redis://***@host",
    );
    expect(error).toMatchObject({
      code: 'LOCK_TEMPLATE_UNRESOLVED',
      clientFault: false,
      placeholder: '<user.id>',
      cause: { name: 'RangeError' },
    });
    expect(errorFor('u:<user.text>', new Torn()).message).toMatch(/threw "nothing"$/);
  });

  it('is never the fault of the client, also where the value is', () => {
    const names = http(Orders, 'pay', 'u:<body.id>');
    const error = thrownBy<TemplateValueError>(() => names.fromRequest({ body: new Torn() }));
    expect(error).toMatchObject({ clientFault: false, placeholder: '<body.id>' });
  });

  it('may be one over a private field, behind a proxy', () => {
    expect(errorFor('u:<user.id>', new Proxy(new Account('u1'), {})).message).toMatch(
      /cannot be read: an accessor of the value threw TypeError: Cannot read private member #id/,
    );
  });

  it('may be a part of the request itself, or a proxy that throws whatever one asks', () => {
    const request = Object.defineProperty({}, 'user', {
      get: () => {
        throw new Error('no session');
      },
    });
    const names = http(Orders, 'pay', 'u:<user.id>');
    expect(() => names.fromRequest(request)).toThrow(/<user.id> cannot be read: .* Error: no session/);
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    expect(() => names.fromRequest({ user: proxy })).toThrow(/cannot be read: .* TypeError/);
    expect(() => names.fromRequest({ user: { id: proxy } })).toThrow(/cannot be read: .* TypeError/);
  });
});

describe('a value that is no text or number', () => {
  it('a promise, as of a lazy relation, is refused at once, and its rejection does not end the process', async () => {
    class Lazy {
      get id(): Promise<string> {
        return Promise.reject(new Error('late'));
      }
    }
    const says = /leads to a promise, and a name is made at once; await it before the call/;
    expect(errorFor('u:<user.id>', new Lazy())).toMatchObject({
      clientFault: false,
      message: expect.stringMatching(says),
    });
    expect(errorFor('u:<user.id.name>', new Lazy()).message).toMatch(says);
    expect(errorFor('u:<user.id>', { id: Promise.resolve('u1') }).message).toMatch(says);
    await new Promise((resolve) => setImmediate(resolve)); // an unhandled rejection would fail this test here
  });

  it('a typed id is an error that names its class, toHexString, the field with the text and the key function', () => {
    expect(errorFor('order:<user>', new ObjectId()).message).toBe(
      "@Locked('order:<user>') on Orders.pay: <user> is an object (ObjectId); it must be a non-empty string, a safe integer, a bigint or a boolean; " +
        'pass its toHexString(), name the field that has this text (<user.id> of a Mongoose document), or use a key function',
    );
    const user = new (documentClass())({ _id: new ObjectId(), name: 'a' });
    expect(errorFor('u:<user._id>', user).message).toMatch(/is an object \(ObjectId\).*<user.id>/);
    expect(nameFor('u:<user.id>', user)).toEqual(['u:303132333435363738396162']);
  });

  it('any other object is named by its class', () => {
    expect(errorFor('u:<user>', new Date()).message).toMatch(
      /is an object \(Date\); .*; name a field of it, or use a key function/,
    );
    expect(errorFor('u:<user>', { constructor: 'a client wrote this' }).message).toMatch(
      /<user> is an object;/,
    );
  });
});
