import type { BatchRequest, Carrier, OnReply } from '../mechanics/carrier.js';
import type { TurnBatcher } from '../mechanics/turn-batcher.js';
import { answerTo, type BatchScript, payloadOf, REFUSED, type WiredRequest } from './redis-wire.js';
import { refusal } from './redis-errors.js';
import type { RedisHold } from './redis-hold.js';
import type { RedisLink, ScriptReply } from './redis-link.js';

/** One request to a script that carries many. */
export interface RedisRequest extends BatchRequest<BatchScript, ScriptReply>, WiredRequest {
  /** Whose name and keys it is about. */
  readonly hold: RedisHold;
}

export type RedisBatcher = TurnBatcher<BatchScript, ScriptReply, RedisRequest>;

/** Requests that travel together, as arguments of one script. */
export class RedisCarrier implements Carrier<BatchScript, ScriptReply, RedisRequest> {
  /** With layers, what is above a name is given back after it and taken before it, so that their tokens come in that order too. */
  readonly kinds = ['release', 'gate-release', 'yield', 'gate-acquire', 'acquire'] as const;
  /**
   * More would keep the server from others for longer (about 5 µs each), and gain little: the cost of a command that is spread over 16 is a
   * small part of each.
   */
  readonly most = 16;

  constructor(readonly link: RedisLink) {}

  send(
    kind: BatchScript,
    { requests, boundMs }: { requests: readonly RedisRequest[]; boundMs: number },
    onReply: OnReply<ScriptReply>,
  ): void {
    this.link.send(kind, { payload: payloadOf(kind, requests), boundMs }, (error, reply) =>
      onReply(error, error === undefined ? requests.map((request, at) => answerTo(request, reply, at)) : []),
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
