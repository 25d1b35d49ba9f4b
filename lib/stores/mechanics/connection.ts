import type { LockStoreError } from '../../lock-errors.js';
import type { Bounds } from './bounds.js';

/** What a command is about, for messages. */
export interface Doing {
  /** The store's word for it: "acquire", "renew". */
  readonly verb: string;
  readonly lockName?: string;
}

/** What the mechanics need of a store's connection. What its errors mean only the store knows. */
export interface Connection {
  /** How long answers are waited for; all times that end are on its clock. */
  readonly bounds: Bounds;
  /** Can something be sent now? */
  readonly isReady: boolean;
  /** Resolves when something can be sent. @throws CallFailure when that is not so within `boundMs` */
  reachable(boundMs: number): Promise<void>;
  /** Is it open, and is there time for another try after `delayMs`? */
  mayRepeat(endsAtMs: number, delayMs: number): boolean;
  /** true: this copy was not executed. */
  isRefusal(error: unknown): boolean;
  /** A refusal for a state of the server that passes without our doing: the same request is right a moment later. */
  isPassing(error: unknown): boolean;
  /** The error of a command as our callers know it. */
  storeError(error: unknown, doing: Doing): LockStoreError;
}
