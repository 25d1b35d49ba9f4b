import type { ScriptName, ScriptReply } from '../../lib/stores/redis/redis-link.js';
import { BATCHES, isBatch, leaseIn, requestsOf, type ScriptInput } from './scripted-includes.js';

/** A scripted script's reply as a server sends it: of the scripts that carry many requests one text, without what is as usual. */
export function asSent(
  script: ScriptName,
  reply: ScriptReply,
  input: Pick<ScriptInput, 'keys' | 'args'>,
): ScriptReply | string {
  if (!isBatch(script)) return reply;
  const [head, ...answers] = reply as [string, ...ScriptReply[]];
  const time = head.slice(-16);
  if (script.startsWith('gate-')) return [head, ...answers.map((answer) => answer.join(' '))].join('\n');
  const lines = requestsOf(input, BATCHES[script]).map(({ terms }, index) => {
    const [code, fence, lineage, leaseMs] = answers[index]!;
    if (script === 'release' && code === 1) return '';
    const isUsual =
      script === 'acquire' && code === 1 && fence === time && leaseMs === Number(leaseIn(terms));
    if (!isUsual) return answers[index]!.join(' ');
    return lineage === time ? '' : String(lineage);
  });
  return [head, ...(lines.some((line) => line !== '') ? lines : [])].join('\n');
}
