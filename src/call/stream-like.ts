import type { Observable } from 'rxjs';
import { Stop } from '../../lib/index.js';

/** @see StreamLike. What throws when it is looked at is none. */
export function isObservable(value: unknown): value is Observable<unknown> {
  try {
    return typeof (value as StreamLike | null | undefined)?.subscribe === 'function';
  } catch {
    return false;
  }
}

const ends = new WeakMap<NodeStream, Stop>();

/** Aborts at the end of the stream. One pair of listeners, however many calls returned it. */
export function endOf(stream: NodeStream): Stop {
  const known = ends.get(stream);
  if (known !== undefined) return known;
  const end = new Stop();
  const over = () => end.abort(undefined);
  // Not `finished()`: it listens for 'error', which would silence a stream that nobody else listens to.
  stream.once('end', over);
  stream.once('close', over);
  ends.set(stream, end);
  return end;
}

export type Step = (...args: unknown[]) => Promise<IteratorResult<unknown>>;

export interface Steps {
  next: Step;
  return?: Step;
  throw?: Step;
}

export interface NodeStream {
  readonly destroyed?: boolean;
  readonly readableEnded?: boolean;
  once(event: 'end' | 'close', listener: () => void): unknown;
}

/** What we recognise streams by; never by `instanceof`, because applications bring their own rxjs and streams. */
export interface StreamLike {
  readonly subscribe?: unknown;
  readonly pipe?: unknown;
  readonly once?: unknown;
  readonly next?: unknown;
  readonly [Symbol.asyncIterator]?: unknown;
  getStream?(): unknown;
}
