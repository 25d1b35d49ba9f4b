import { gateKeys, type LockKeys } from './redis-keys.js';
import { keysOf } from './gate/gate-keys.js';
import type { ScriptReply } from './redis-link.js';

/** The scripts that carry many requests. */
export type BatchScript = 'release' | 'yield' | 'acquire' | GateBatchScript;
/** Those of the general gate. */
export type GateBatchScript = 'gate-release' | 'gate-acquire';

/** One request to such a script, as its arguments; see the scripts' headers. It stays the same when it is sent again. */
export interface WiredRequest {
  readonly hold: { readonly keys: LockKeys };
  /** What the requests of one command mostly have in common: then it is sent once. */
  readonly terms: string;
  /** What is its own. */
  readonly own: readonly string[];
}

/** What goes to a script, but for its nonce. */
export interface ScriptPayload {
  readonly keys: readonly string[];
  /** Stands before the nonce in the first argument, which the reply begins with. */
  readonly shared?: string;
  readonly args: readonly string[];
}

/** The answer of a script to a request that the server refused. */
export const REFUSED = -8;

/** As the scripts read and write them: 8 digits. */
export function milliseconds(ms: number): string {
  return String(ms).padStart(8, '0');
}

/** Requests that travel together, as arguments of one script. */
export function payloadOf(kind: BatchScript, requests: readonly WiredRequest[]): ScriptPayload {
  const terms = requests[0]?.terms ?? '';
  const isShared = requests.every((request) => request.terms === terms);
  const keys: string[] = [];
  const args: string[] = [];
  for (const { hold, terms: its, own } of requests) {
    keys.push(hold.keys.state);
    if (!isShared) args.push(its);
    for (const text of own) args.push(text);
  }
  if (kind === 'gate-acquire' || kind === 'gate-release') {
    const locks = requests.map(({ hold }) => gateKeys(hold.keys.state));
    return { keys: keysOf(kind, locks), shared: isShared ? terms : '', args };
  }
  for (const { hold } of requests) keys.push(hold.keys.queue);
  return { keys, shared: isShared ? terms : '', args };
}

/** The first argument of a script. No head is the beginning of another: the nonce differs, and ends with the space. */
export function headOf({ shared = '' }: ScriptPayload, nonce: number): string {
  return `${shared}${nonce.toString(36)} `;
}

/**
 * What stands behind the head: of a text what is left of the first line, and the other lines; of a list the other elements. undefined:
 * the reply belongs to another command.
 */
export function withoutHead(reply: unknown, head: string): ScriptReply | undefined {
  if (typeof reply === 'string')
    return reply.startsWith(head) ? reply.slice(head.length).split('\n') : undefined;
  return Array.isArray(reply) && reply[0] === head ? (reply.slice(1) as ScriptReply) : undefined;
}

/**
 * What a script that carries many requests answers to one of them, with all fields: what is as usual is not sent.
 *
 * @param reply what {@link withoutHead} returned
 */
export function answerTo(
  { kind, terms }: { readonly kind: BatchScript; readonly terms: string },
  reply: ScriptReply,
  index: number,
): ScriptReply {
  const line = String(reply[index + 1] ?? '');
  if (kind === 'release' && line === '') return [1];
  if (kind !== 'acquire' || line.includes(' ')) return answerOf(line);
  const time = reply[0] ?? '';
  return [1, time, line === '' ? time : line, terms.slice(0, 8)];
}

/**
 * One answer: a code, and what belongs to it; see the scripts' headers. A text of the scripts that carry many requests, a list of the
 * others. The code is a number whatever an application's copy of ioredis makes of numbers.
 */
export function answerOf(answer: unknown): ScriptReply {
  if (Array.isArray(answer)) return [Number(answer[0]), ...(answer as ScriptReply).slice(1)];
  const fields: (string | number)[] = String(answer).split(' ');
  const code = Number(fields[0]);
  if (code <= REFUSED) return [code, fields.slice(1).join(' ')]; // a text for people
  fields[0] = code;
  return fields;
}
