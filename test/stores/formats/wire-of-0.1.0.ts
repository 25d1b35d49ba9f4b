import { BATCHES, requestsOf } from '../../simulation/scripted-includes.js';

/** A call of a script, but for the script: what lies in Redis is the same in both releases, what travels is not. */
interface Call {
  readonly keys: readonly string[];
  readonly args: readonly string[];
}

/** What release 0.1.0 sends in its place. Its scripts are in scripts-of-0.1.0.ts. */
export function asSentBy010(script: string, call: Call): Call {
  if (!isBatch(script)) return call;
  const [head = ''] = call.args;
  const requests = requestsOf(call, BATCHES[script]);
  const texts = requests.map(({ terms, own: [first = '', second = ''] }) => {
    if (script === 'acquire') return requestOf(terms, first);
    if (script === 'yield') return first + requestOf(terms, second);
    const member = terms.slice(9, 17) === '00000000' ? '' : terms.slice(9, 17) + first.slice(71);
    return first.slice(49, 71) + second.slice(1) + member;
  });
  const keepMs = script === 'release' ? [String(Number(requests[0]!.terms.slice(0, 8)))] : [];
  return {
    keys: requests.flatMap(({ lock: { state, queue } }) => [state, queue]),
    args: [head, ...keepMs, ...texts],
  };
}

/** The reply of its script as this release reads it. */
export function asAnsweredBy010(script: string, reply: unknown): unknown {
  if (!isBatch(script)) return reply;
  const [head = '', ...answers] = reply as string[];
  const unused = script === 'acquire' ? '0'.repeat(16) : '';
  return [head + unused, ...answers].join('\n');
}

function isBatch(script: string): script is 'acquire' | 'release' | 'yield' {
  return ['acquire', 'release', 'yield'].includes(script);
}

function requestOf(terms: string, owner: string): string {
  const waits = terms[8] === 'w' ? '1' : '0';
  return owner.slice(0, 22) + terms.slice(0, 8) + waits + terms.slice(9, 33) + owner.slice(22);
}
