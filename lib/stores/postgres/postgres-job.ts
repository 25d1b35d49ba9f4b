import { Bound } from '../mechanics/bounds.js';
import type { PostgresStatement } from './postgres-driver.js';

/** What became of a statement: its answer, or an error. */
export type OnAnswer = (error: unknown, answer: string | null) => void;

/** A statement that waits for a connection, or for its answer. */
export class Job extends Bound {
  isOver = false;

  constructor(
    readonly statement: () => PostgresStatement,
    readonly boundMs: number,
    private readonly told: { readonly answer: OnAnswer; tooLate(job: Job): void },
  ) {
    super();
  }

  settle(error: unknown, answer: string | null): void {
    if (this.isOver) return;
    this.isOver = true;
    this.told.answer(error, answer);
  }

  override over(): void {
    this.told.tooLate(this);
  }
}

/** A statement that was not sent: nothing can have been executed. */
export class NotSent extends Error {}

/** The same error, known not to have reached the server. */
export function asNotSent(error: unknown): unknown {
  return Object.assign(new NotSent((error as Error).message), { cause: error });
}
