import { currentNote, type Lease, runWithNote } from '../../lib/index.js';
import type { LockedSpec } from '../locked-spec.js';
import type { RequestValues } from '../template/locked-method.js';
import type { ResponseWatch } from '../transports/response-watch.js';
import type { CallerWatch } from '../transports/transport.js';
import type { OpenWork } from './open-work.js';

/**
 * What the interceptor tells the method's wrapper, further down in the same request. The wrapper takes it once: a second
 * call of the same method in one request is a call of its own.
 */
export interface CallNote {
  readonly spec: LockedSpec;
  /** Nest makes one for each call: how an interceptor that is registered twice knows that it was here. */
  readonly context: object;
  /** Over HTTP. Read when a name is made, part by part: on Express reading the query parses it. */
  readonly request: RequestValues | undefined;
  /** Over HTTP: the end of the response. */
  readonly watch: ResponseWatch | undefined;
  /** Whoever called; undefined where nobody can tell that somebody went away. */
  readonly caller: CallerWatch | undefined;
  /** A refusal in the form of the transport, for what is thrown after the interceptor let go of the call (the steps of a generator). */
  readonly inForm: (error: unknown) => unknown;
  /** Set in phase 'request': the lock is already held. */
  held?: { readonly lease: Lease; readonly openWork: OpenWork };
  /** The handler has been called. */
  taken: boolean;
  /** The handler gave an Observable, which ends with its subscription and not with a value. */
  observable?: boolean;
  /** Set by whoever must know when the handler itself has ended. */
  onSettled?: () => void;
}

/** The notes in the engine's frames are ours; nobody else leaves any. The interceptor and the decorator may come from two copies of this package. */
export function currentCallNote(): CallNote | undefined {
  return currentNote() as CallNote | undefined;
}

export function runWithCallNote<T>(note: CallNote, work: () => T): T {
  return runWithNote(note, work);
}

/** The note of this very method's request, if the interceptor left one and nobody took it yet. */
export function takeCallNote(spec: LockedSpec): CallNote | undefined {
  const note = currentCallNote();
  if (note === undefined || note.spec !== spec || note.taken) return undefined;
  note.taken = true;
  return note;
}
