import type { Carrier, BatchRequest, OnReply } from '../mechanics/turn-batcher.js';
import { TurnBatcher } from '../mechanics/turn-batcher.js';
import type { Doing } from '../mechanics/connection.js';
import { refusal } from './redis-errors.js';
import type { RedisHold } from './redis-hold.js';
import type { RedisLink, ScriptReply } from './redis-link.js';

/** The scripts that carry many requests. */
export type BatchScript = 'release' | 'yield' | 'acquire';

/** One request to such a script. */
export interface RedisRequest extends BatchRequest<BatchScript, ScriptReply> {
  /** Whose name and keys it is about. */
  readonly hold: RedisHold;
  /** Its text of fixed fields; stays the same when it is sent again. */
  readonly text: string;
}

export type RedisBatcher = TurnBatcher<BatchScript, ScriptReply, RedisRequest>;

/** The answer of a script to a request that the server refused. */
const REFUSED = -8;

/**
 * What a script answers to one request: a code, and what belongs to it; see the scripts' headers. A text of the scripts that carry many
 * requests, a list of the others. The code is a number whatever an application's copy of ioredis makes of numbers.
 */
export function answerOf(answer: unknown): ScriptReply {
  if (Array.isArray(answer)) return [Number(answer[0]), ...(answer as ScriptReply).slice(1)];
  const fields: (string | number)[] = String(answer).split(' ');
  const code = Number(fields[0]);
  if (code <= REFUSED) return [code, fields.slice(1).join(' ')]; // a text for people
  fields[0] = code;
  return fields;
}

/** Requests that travel together, as arguments of one script. */
export class RedisCarrier implements Carrier<BatchScript, ScriptReply, RedisRequest> {
  readonly kinds = ['release', 'yield', 'acquire'] as const;
  /**
   * More would keep the server from others for longer (about 5 µs each), and gain little: the cost of a command that is spread over 16 is a
   * small part of each.
   */
  readonly most = 16;

  constructor(
    private readonly link: RedisLink,
    /** How long the trace of a clean release stays, in ms. */
    private readonly keepMs: number,
  ) {}

  get bounds() {
    return this.link.bounds;
  }

  get isReady(): boolean {
    return this.link.isReady;
  }

  reachable(boundMs: number): Promise<void> {
    return this.link.reachable(boundMs);
  }

  mayRepeat(endsAtMs: number, delayMs: number): boolean {
    return this.link.mayRepeat(endsAtMs, delayMs);
  }

  isRefusal(error: unknown): boolean {
    return this.link.isRefusal(error);
  }

  isPassing(error: unknown): boolean {
    return this.link.isPassing(error);
  }

  storeError(error: unknown, doing: Doing) {
    return this.link.storeError(error, doing);
  }

  send(
    kind: BatchScript,
    { requests, boundMs }: { requests: readonly RedisRequest[]; boundMs: number },
    onReply: OnReply<ScriptReply>,
  ): void {
    const keys: string[] = [];
    const args: string[] = kind === 'release' ? [String(this.keepMs)] : [];
    for (const { hold, text } of requests) {
      keys.push(hold.keys.state, hold.keys.queue);
      args.push(text);
    }
    this.link.send(kind, { keys, args, boundMs }, (error, reply) =>
      onReply(error, error === undefined ? reply.map(answerOf) : []),
    );
  }

  keepsOrder(script: BatchScript): boolean {
    return this.link.keepsOrder(script);
  }

  refusalIn([code, what]: ScriptReply): Error | undefined {
    return code === REFUSED ? refusal(String(what)) : undefined;
  }

  cork(): void {
    this.link.cork();
  }

  uncork(): void {
    this.link.uncork();
  }
}
