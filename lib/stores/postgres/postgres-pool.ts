import { pause } from '../../runtime/clock.js';
import type { Clock } from '../../runtime/clock.js';
import type { Bounds } from '../mechanics/bounds.js';
import { SilenceWatch } from '../mechanics/silence-watch.js';
import { paceMs } from '../mechanics/tries.js';
import { endWithin, holdProcess, type Opener } from './postgres-connections.js';
import type { PostgresConnection, PostgresStatement } from './postgres-driver.js';
import { isFinal } from './postgres-errors.js';
import { asNotSent, Job, NotSent, type OnAnswer } from './postgres-job.js';

interface Member {
  readonly connection: PostgresConnection;
  readonly silence: SilenceWatch;
  isBusy: boolean;
}

/**
 * A few connections for commands. A statement takes one that is free, else waits for one; more are opened only while statements wait. One whose
 * answer nobody waits for any more keeps its connection until the answer comes or the connection is found dead.
 */
export class PostgresPool {
  readonly #members = new Set<Member>();
  #waiting: Job[] = [];
  #opening = 0;
  #closed = false;
  #keepsAlive = false;
  /** Somebody waits for the first connection. */
  #arrivals: (() => void)[] = [];
  /** What the last try to connect met. */
  #trouble: unknown;
  #failures = 0;
  readonly #closing = new AbortController();

  constructor(
    private readonly open: Opener,
    private readonly environment: {
      readonly size: number;
      readonly clock: Clock;
      readonly bounds: Bounds;
      /** A connection came after a gap in which there was none. */
      readonly onArrived: () => void;
    },
  ) {}

  get isReady(): boolean {
    return this.#members.size > 0;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** The error is a NotSent when the time was over before it could be sent. */
  run(statement: () => PostgresStatement, boundMs: number, onAnswer: OnAnswer): void {
    const job = new Job(statement, boundMs, { answer: onAnswer, tooLate: (late) => this.#tooLate(late) });
    this.environment.bounds.begin(job, boundMs);
    this.#waiting.push(job);
    this.#serve();
  }

  /** Resolves when there is a connection. @throws what the last try to connect met */
  async reachable(boundMs: number): Promise<void> {
    if (this.isReady) return;
    const arrived = new Promise<void>((resolve) => this.#arrivals.push(resolve));
    this.#openMore();
    await this.environment.bounds.within(boundMs, () => arrived).catch(() => undefined);
    if (!this.isReady) throw this.#reason();
  }

  /** What the server is not any more cannot be seen on an open connection: a standby that was the primary. */
  dropIdle(): void {
    for (const member of this.#members) {
      if (member.isBusy) continue;
      this.#members.delete(member);
      void member.connection.end();
    }
  }

  /** While it is not called, connections do not keep the process alive; see redis-connections.ts. */
  keepAlive(keeps: boolean): void {
    this.#keepsAlive = keeps;
    for (const { connection } of this.#members) holdProcess(connection, keeps);
  }

  /** Never rejects. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#closing.abort();
    for (const arrive of this.#arrivals.splice(0)) arrive();
    for (const job of this.#waiting.splice(0)) this.#settle(job, new NotSent('the connection is closed'));
    const members = [...this.#members];
    this.#members.clear();
    for (const { silence } of members) silence.close();
    await Promise.all(members.map(({ connection }) => endWithin(this.environment.bounds, connection)));
  }

  #reason(): unknown {
    return this.#closed
      ? new NotSent('the connection is closed')
      : (this.#trouble ?? new NotSent('no connection came about in time'));
  }

  #tooLate(job: Job): void {
    const at = this.#waiting.indexOf(job);
    if (at === -1) {
      job.settle(new Error(`no reply within ${Math.round(job.boundMs)} ms`), null);
      return;
    }
    this.#waiting.splice(at, 1);
    const why = this.isReady
      ? new NotSent(`no connection was free within ${Math.round(job.boundMs)} ms`)
      : this.#reason();
    job.settle(why instanceof NotSent ? why : asNotSent(why), null);
  }

  #settle(job: Job, error: unknown, answer: string | null = null): void {
    this.environment.bounds.end(job);
    job.settle(error, answer);
  }

  #serve(): void {
    for (const member of this.#members) {
      if (this.#waiting.length === 0) return;
      if (!member.isBusy) this.#give(member, this.#waiting.shift()!);
    }
    if (this.#waiting.length > 0) this.#openMore();
  }

  #give(member: Member, job: Job): void {
    member.isBusy = true;
    void this.#exchange(member, job);
    member.silence.expect(job.boundMs);
  }

  /** Never rejects. */
  async #exchange(member: Member, job: Job): Promise<void> {
    let answer: string | null = null;
    let failure: unknown;
    try {
      answer = await member.connection.query(job.statement());
    } catch (error) {
      failure = error ?? new Error('no reply');
    }
    member.isBusy = false;
    this.#settle(job, failure, answer);
    if (this.#members.has(member)) this.#serve();
  }

  #openMore(): void {
    const { size } = this.environment;
    if (this.#closed || this.#opening > 0 || this.#members.size >= size) return;
    this.#opening += 1;
    void this.#openOne().finally(() => {
      this.#opening -= 1;
      if (this.#waiting.length > 0 || (this.#arrivals.length > 0 && !this.isReady)) this.#openMore();
    });
  }

  async #openOne(): Promise<void> {
    const wasEmpty = this.#members.size === 0;
    let member: Member | undefined;
    let isEnded = false;
    try {
      const onEnd = () => {
        isEnded = true;
        if (member !== undefined) this.#lost(member);
      };
      const connection = await this.open({ onEnd, onNotice: () => undefined });
      if (this.#closed || isEnded) {
        void connection.end();
        return;
      }
      member = this.#welcome(connection);
      this.#failures = 0;
      this.#trouble = undefined;
      for (const arrive of this.#arrivals.splice(0)) arrive();
      if (wasEmpty) this.environment.onArrived();
      this.#serve();
    } catch (error) {
      this.#trouble = error;
      if (isFinal(error) && !this.isReady) this.#failAll(error);
      else await pause(this.environment.clock, paceMs(this.#failures++), this.#closing.signal);
    }
  }

  #failAll(error: unknown): void {
    for (const arrive of this.#arrivals.splice(0)) arrive();
    for (const job of this.#waiting.splice(0)) this.#settle(job, asNotSent(error));
  }

  #welcome(connection: PostgresConnection): Member {
    const member: Member = {
      connection,
      isBusy: false,
      silence: new SilenceWatch(
        { socket: () => connection.socket(), isAwaiting: () => member.isBusy },
        this.environment.bounds,
      ),
    };
    this.#members.add(member);
    holdProcess(connection, this.#keepsAlive);
    return member;
  }

  #lost(member: Member): void {
    member.silence.close();
    this.#members.delete(member);
    if (this.#waiting.length > 0) this.#openMore();
  }
}
