import { currentNote, type Lease, runWithNote } from '../lib/index.js';
import type { Hold } from './hold.js';
import type { LockedSpec } from './locked-spec.js';
import type { ResponseWatch } from './transports/http/response-watch.js';
import type { RequestValues } from './template/locked-method.js';

/**
 * What the interceptor tells the method's wrapper, further down in the same request. The wrapper takes it once: a second
 * call of the same method in one request is a call of its own.
 */
export interface LockFrame {
  readonly spec: LockedSpec;
  /** Read when a name is made, part by part: on Express reading the query parses it. */
  readonly request: RequestValues;
  readonly watch: ResponseWatch;
  /** Set in phase 'request': the lock is already held. */
  held?: { readonly lease: Lease; readonly hold: Hold };
  /** The handler has been called. */
  taken: boolean;
  /** The handler gave an Observable, which ends with its subscription and not with a value. */
  observable?: boolean;
  /** Set by whoever must know when the handler itself has ended. */
  onSettled?: () => void;
}

/** Our notes are frames, and nobody else leaves any. The interceptor and the decorator may come from two copies of this package. */
export function currentFrame(): LockFrame | undefined {
  return currentNote() as LockFrame | undefined;
}

export function runInFrame<T>(frame: LockFrame, work: () => T): T {
  return runWithNote(frame, work);
}

/** The frame of this very method's request, if the interceptor opened one and nobody took it yet. */
export function takeFrame(spec: LockedSpec): LockFrame | undefined {
  const frame = currentFrame();
  if (frame === undefined || frame.spec !== spec || frame.taken) return undefined;
  frame.taken = true;
  return frame;
}
