/** Not `instanceof Promise`: the work of a caller may return a promise of another realm, or of another library. */
export function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}
