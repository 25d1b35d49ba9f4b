import type { Clock } from '../../runtime/clock.js';
import { LockError, LockStoreError } from '../../lock-errors.js';
import type { Bounds } from '../mechanics/bounds.js';
import type { Connection, Doing } from '../mechanics/connection.js';
import { type CallPatience, repeatedCall } from '../mechanics/repeated-call.js';
import { CallFailure } from '../mechanics/tries.js';
import { statementOf, type FunctionName } from './postgres-calls.js';
import { isPassing, isReply, isUnprepared, storeError } from './postgres-errors.js';
import { NotSent, type OnAnswer } from './postgres-job.js';
import type { PostgresPool } from './postgres-pool.js';

export interface FunctionCall extends Omit<CallPatience, 'verb'> {
  readonly name: FunctionName;
  /** A function: made anew for each copy that is sent. */
  readonly values: Values | (() => Values);
}

type Values = readonly (string | null)[];

/** How a call ended: the answer, and when the request that got it was sent (monotonic). */
export interface FunctionAnswer {
  readonly answer: string | null;
  readonly sentAtMs: number;
}

/** The functions of the lock schema, over a few connections. All of them may be executed twice. */
export class PostgresLink implements Connection {
  /** Are statements prepared? Not behind a pooler that gives each transaction another connection. */
  isPreparing = true;

  constructor(
    private readonly pool: PostgresPool,
    private readonly place: {
      readonly clock: Clock;
      readonly bounds: Bounds;
      readonly address: string;
      /** Quoted. */
      readonly schema: string;
    },
  ) {}

  get bounds(): Bounds {
    return this.place.bounds;
  }

  get isReady(): boolean {
    return this.pool.isReady;
  }

  /** @throws CallFailure */
  call({ name, values, ...patience }: FunctionCall): Promise<FunctionAnswer> {
    return repeatedCall(this, { ...patience, verb: name.replace('_v1', '') }, (leftMs) => {
      const sentAtMs = this.place.clock.monotonicMs();
      return new Promise((resolve, reject) => {
        const made = typeof values === 'function' ? values() : values;
        this.send(name, { values: made, boundMs: leftMs }, (error, answer) =>
          error === undefined ? resolve({ answer, sentAtMs }) : reject(error as Error),
        );
      });
    });
  }

  /** Calls a function once. */
  send(
    name: FunctionName,
    { values, boundMs }: { readonly values: Values; readonly boundMs: number },
    onAnswer: OnAnswer,
  ): void {
    const statement = () => statementOf(this.place.schema, { name, values, isPrepared: this.isPreparing });
    this.pool.run(statement, boundMs, (error, answer) => {
      if (isUnprepared(error)) this.isPreparing = false;
      const failure =
        error === undefined ? undefined : this.storeError(error, { verb: name.replace('_v1', '') });
      if (failure?.code === 'LOCK_STORE_READONLY') this.pool.dropIdle();
      onAnswer(error, answer);
    });
  }

  /** Several statements in one, without an answer. @throws CallFailure */
  async script(text: string, boundMs: number): Promise<void> {
    await repeatedCall(
      this,
      { verb: 'create the schema', boundMs, once: true },
      (leftMs) =>
        new Promise<void>((resolve, reject) => {
          this.pool.run(
            () => ({ text }),
            leftMs,
            (error) => (error === undefined ? resolve() : reject(error as Error)),
          );
        }),
    );
  }

  /** @throws CallFailure when nothing can be sent within `boundMs` */
  async reachable(boundMs: number): Promise<void> {
    try {
      await this.pool.reachable(boundMs);
    } catch (error) {
      if (error instanceof LockError && !(error instanceof LockStoreError)) throw error;
      throw new CallFailure(this.#errorOf(error, this.#where), false);
    }
  }

  mayRepeat(endsAtMs: number, delayMs: number): boolean {
    return !this.pool.isClosed && this.bounds.nowMs() + delayMs < endsAtMs;
  }

  isRefusal(error: unknown): boolean {
    return error instanceof NotSent || error instanceof CallFailure || isReply(error);
  }

  isPassing(error: unknown): boolean {
    if (error instanceof CallFailure) return isPassing(error.error);
    return isPassing(error instanceof NotSent ? error.cause : error);
  }

  storeError(error: unknown, { verb, lockName }: Doing): LockStoreError {
    const where = this.#where;
    return this.#errorOf(
      error,
      lockName === undefined ? where : `${where}, ${verb} of "${lockName}"`,
      lockName,
    );
  }

  get #where(): string {
    return `PostgreSQL at ${this.place.address}`;
  }

  #errorOf(error: unknown, doing: string, lockName?: string): LockStoreError {
    if (this.pool.isClosed)
      return new LockStoreError('LOCK_CLOSED', `the connection to ${this.#where} is closed`, { lockName });
    if (error instanceof CallFailure) return error.error;
    return storeError(error instanceof NotSent ? (error.cause ?? error) : error, doing, lockName);
  }
}
