/** A web stream, of whatever realm or library. */
export function isWebStream(value: object): value is ReadableStream {
  return (
    Object.prototype.toString.call(value) === '[object ReadableStream]' &&
    typeof (value as { getReader?: unknown }).getReader === 'function'
  );
}

/**
 * A stream that hands on what the source gives, as it is asked for, and tells when the source is over: read to its end, failed or
 * cancelled. A byte stream stays one.
 *
 * @param over called once
 * @throws TypeError when somebody reads the source already
 */
export function handOn(source: ReadableStream, over: () => void): ReadableStream {
  const isBytes = givesBytes(source);
  const reader = source.getReader();
  const underlying = {
    async pull(controller: { enqueue(chunk: unknown): void; close(): void; byobRequest?: unknown }) {
      try {
        const { done, value } = (await reader.read()) as { done: boolean; value: unknown };
        if (!done) {
          controller.enqueue(value);
          return;
        }
        controller.close();
        // Of bytes, a reader with a buffer of its own is told so through its request.
        (controller.byobRequest as { respond(bytes: number): void } | null | undefined)?.respond(0);
        over();
      } catch (error) {
        over();
        throw error;
      }
    },
    async cancel(reason: unknown) {
      await reader.cancel(reason).finally(over);
    },
  };
  const how = isBytes ? { ...underlying, type: 'bytes' } : underlying;
  return new ReadableStream(how as ConstructorParameters<typeof ReadableStream>[0], { highWaterMark: 0 });
}

/** There is no other way to ask. */
function givesBytes(source: ReadableStream): boolean {
  try {
    source.getReader({ mode: 'byob' }).releaseLock();
    return true;
  } catch {
    return false;
  }
}
