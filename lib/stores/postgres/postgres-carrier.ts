import type { BatchRequest, Carrier, OnReply } from '../mechanics/carrier.js';
import type { TurnBatcher } from '../mechanics/turn-batcher.js';
import { arrayText } from './postgres-calls.js';
import { pinnedError } from './postgres-errors.js';
import type { PostgresHold } from './postgres-hold.js';
import type { PostgresLink } from './postgres-link.js';

export type BatchKind = 'acquire' | 'release' | 'yield';
/** One line of an answer, split: a code, and what belongs to it; see sql/. */
export type AnswerFields = readonly string[];

/** One request to a function that carries many. */
export interface PostgresRequest extends BatchRequest<BatchKind, AnswerFields> {
  readonly hold: PostgresHold;
  /** Its own arguments, in the order of the function's arrays. */
  readonly fields: readonly (string | number | boolean)[];
}

export type PostgresBatcher = TurnBatcher<BatchKind, AnswerFields, PostgresRequest>;

const PINNED = '-5';

/** Requests that travel together, as arrays of one call. */
export class PostgresCarrier implements Carrier<BatchKind, AnswerFields, PostgresRequest> {
  readonly kinds = ['release', 'yield', 'acquire'] as const;
  /** More would keep others from their rows for longer, and gain little. */
  readonly most = 64;

  constructor(
    readonly link: PostgresLink,
    /** What all requests of a kind have in common, at the moment when they are sent. */
    private readonly shared: (kind: BatchKind) => number,
  ) {}

  send(
    kind: BatchKind,
    { requests, boundMs }: { requests: readonly PostgresRequest[]; boundMs: number },
    onReply: OnReply<AnswerFields>,
  ): void {
    const columns =
      requests[0]?.fields.map((_, at) => arrayText(requests.map(({ fields }) => fields[at]!))) ?? [];
    const values = [...columns, String(this.shared(kind))];
    this.link.send(`${kind}_v1`, { values, boundMs }, (error, answer) => {
      if (error !== undefined) onReply(error, []);
      else
        onReply(
          undefined,
          (answer ?? '').split('\n').map((line) => line.split(' ')),
        );
    });
  }

  /** Several connections: what is sent later may be executed before. */
  keepsOrder(): boolean {
    return false;
  }

  refusalIn([code]: AnswerFields): Error | undefined {
    return code === PINNED ? pinnedError() : undefined;
  }

  cork(): void {
    // each statement is a write of its own
  }

  uncork(): void {
    // as above
  }
}
