import { isPromise } from 'node:util/types';

/** A field is there and is not read. The message continues the sentence "<user.id> …"; a TemplateValueError is made of it. */
export class FieldNotRead extends Error {
  constructor(
    problem: string,
    /** A client can neither send it nor leave it out. */
    readonly ours: boolean,
  ) {
    super(problem);
  }
}

/**
 * Reads a field of a field of a value: what the object has itself, and accessors that a class declares between it and
 * Object.prototype (a Mongoose document, a `get id()` over `#id`). Never methods or values of a prototype: every caller would find
 * the same ones and meet in one lock. Only objects have fields here; `'abc'.length` is not one.
 *
 * @throws FieldNotRead, and whatever an accessor or a proxy throws
 */
export function readFields(root: unknown, path: readonly string[]): unknown {
  let value = root;
  for (const field of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    if (!Object.hasOwn(value, field) && !inheritsAccessor(value, field)) return undefined;
    value = (value as Record<string, unknown>)[field];
  }
  return value;
}

function inheritsAccessor(value: object, field: string): boolean {
  if (isPromise(value)) throw promiseNotRead(value);
  let holder = Object.getPrototypeOf(value) as object | null;
  while (holder !== null) {
    const found = Object.getOwnPropertyDescriptor(holder, field);
    const next = Object.getPrototypeOf(holder) as object | null;
    if (found !== undefined) {
      // The last one of a chain is Object.prototype, of whatever realm: what is there belongs to every object.
      if ('get' in found && next !== null) return true;
      throw foundOnPrototype(field, found, holder);
    }
    holder = next;
  }
  return false;
}

function foundOnPrototype(field: string, found: PropertyDescriptor, holder: object): FieldNotRead {
  const isMethod = typeof found.value === 'function';
  const kind = isMethod ? 'a method' : 'get' in found ? 'an accessor' : 'a value';
  const why = isMethod ? 'and methods are not called' : 'where all objects share it, so it is not read';
  const fix = `Give the object a field of its own or its class an accessor (get ${field}() {…}), or use a key function`;
  const where = classNameOf(holder) ?? 'an object without a class';
  return new FieldNotRead(`is ${kind} found on the prototype (of ${where}), ${why}. ${fix}`, false);
}

/** Of a lazy relation, for example. It rejects when it likes, and nobody else may be there to hear it. */
export function promiseNotRead(promise: Promise<unknown>): FieldNotRead {
  promise.then(undefined, () => undefined);
  const fix = 'await it before the call, or name a field that has the value at once';
  return new FieldNotRead(`leads to a promise, and a name is made at once; ${fix}`, true);
}

/** undefined: it has none, or one without a name. */
export function classNameOf(value: object): string | undefined {
  const { constructor } = value as { constructor?: unknown };
  return typeof constructor === 'function' && constructor.name !== '' ? constructor.name : undefined;
}
