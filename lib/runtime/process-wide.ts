/**
 * One process may load this package more than once: as an ES module and as CommonJS, or because a library of a monorepo brings a copy of
 * its own. What the copies leave for each other lies on `globalThis` and in metadata, under symbols that every copy finds
 * (`Symbol.for`) and that name this number. A copy of another number does not see it, so it cannot misread it.
 *
 * Add one when the shape of anything that is shared changes.
 */
export const COPY_FORMAT = 1;

/** The symbol under which copies of one format find `what`. */
export function copySymbol(what: string): symbol {
  return Symbol.for(`nestjs-distributed-lock:${COPY_FORMAT}:${what}`);
}

/** The one `what` of this process; the first copy that asks makes it. */
export function processWide<T>(what: string, make: () => T): T {
  const shared = globalThis as Record<symbol, unknown>;
  return (shared[copySymbol(what)] ??= make()) as T;
}

/** Brands of classes begin with it. */
const BRAND = 'nestjs-distributed-lock:';

/**
 * Makes `instanceof` recognise an instance of the same class of another copy, of any format, by a brand on its prototype. A subclass of
 * an application has no brand of its own and is compared as ever. The class keeps its name, whatever a minifier calls it.
 *
 * @param kind the name of the class, as a text that no minifier changes
 */
export function recogniseCopies(shared: { readonly prototype: object }, kind: string): void {
  const brand = Symbol.for(BRAND + kind);
  Object.defineProperty(shared.prototype, brand, { value: true });
  Object.defineProperty(shared, 'name', { value: kind }); // what is printed of an instance begins with it
  Object.defineProperty(shared, Symbol.hasInstance, {
    value(this: unknown, value: unknown): boolean {
      if (this !== shared) return Function.prototype[Symbol.hasInstance].call(this, value);
      return typeof value === 'object' && value !== null && brand in value;
    },
  });
}

/**
 * Makes `instanceof` recognise one object as everything that another is: an error that was put into another form is still that error.
 *
 * @param source an instance of classes that went through {@link recogniseCopies}; others are left out
 */
export function takeBrands(target: object, source: object): void {
  for (
    let holder: object | null = source;
    holder !== null;
    holder = Object.getPrototypeOf(holder) as object | null
  ) {
    for (const brand of Object.getOwnPropertySymbols(holder)) {
      if (
        brand.description?.startsWith(BRAND) === true &&
        (holder as Record<symbol, unknown>)[brand] === true
      )
        Object.defineProperty(target, brand, { value: true, configurable: true });
    }
  }
}
