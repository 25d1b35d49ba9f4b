import type { OnSent } from '../lock-store.js';
import type { Connection } from './connection.js';
import type { CallFailure } from './tries.js';

/** How an answer came about. */
export interface AnswerInfo {
  /** When the request that got it was sent (monotonic ms). */
  readonly sentAtMs: number;
  /** An earlier copy got no reply and may have been executed. */
  readonly repeated: boolean;
}

/** One request among those that travel together. */
export interface BatchRequest<Kind extends string, Answer> {
  readonly kind: Kind;
  /** What it is about; for messages. */
  readonly hold: { readonly name: string };
  /** Refused for a state of the server that passes, it asks again by itself. Others are sent again, within their bound. */
  readonly isPatient?: boolean;
  /** Is it still wanted? Asked before it is sent, and before it is sent again. */
  wanted(): boolean;
  /** It was written to a connection that is up: nothing that is written later overtakes it. Again, when it is sent again. */
  readonly sent?: OnSent | undefined;
  answered(answer: Answer, how: AnswerInfo): void;
  failed(failure: CallFailure): void;
}

/** What became of a command: an answer to each of its requests, in their order; or an error, when there is no reply to any. */
export type OnReply<Answer> = (error: unknown, answers: readonly Answer[]) => void;

/** How a store carries requests that travel together. */
export interface Carrier<Kind extends string, Answer, Request> {
  /** On which they travel. */
  readonly link: Connection;
  /** The kinds, in the order in which those of one turn are sent: what becomes free first, then who wants it. */
  readonly kinds: readonly Kind[];
  /** So many requests go in one command. */
  readonly most: number;
  /** Sends one command once; a reply is waited for at most `boundMs`. `onReply` is called once, later, and does not throw. */
  send(
    kind: Kind,
    command: { requests: readonly Request[]; boundMs: number },
    onReply: OnReply<Answer>,
  ): void;
  /** What is written now is on its way, and nothing that is written later overtakes it. */
  keepsOrder(kind: Kind): boolean;
  /** The server refused this one request, not the command. undefined: it did not. */
  refusalIn(answer: Answer): Error | undefined;
  /** What is sent until {@link uncork} goes to the system in one write. */
  cork(): void;
  uncork(): void;
}
