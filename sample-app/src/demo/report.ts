import Table from 'cli-table3';
import type { Histogram } from 'hdr-histogram-js';
import type { FrozenHolder } from './frozen-holder.js';
import type { Damage, Round } from './round.js';
import { percentileMs } from './traffic.js';

const DAMAGE_WORDS: Record<keyof Damage, string> = {
  namesGivenTwice: 'group names given twice',
  seatsOversold: 'seats oversold',
  duplicateMessages: 'duplicate messages',
  answersThatDiffer: 'repeated sends answered differently',
  lostPresenceUpdates: 'lost presence updates',
};

export function roundsTable(locked: Round, unlocked: Round): string {
  const table = new Table({
    head: ['', 'with the lock', 'without it'],
    colAligns: ['left', 'right', 'right'],
    style: { head: [], border: [] },
  });
  const rounds = [locked, unlocked];
  table.push(['requests that change something', ...rounds.map((round) => round.requests)]);
  table.push(['answered 5xx, 423 or 429', ...rounds.map((round) => round.failures)]);
  for (const [kind, words] of Object.entries(DAMAGE_WORDS)) {
    table.push([words, ...rounds.map((round) => round.damage[kind as keyof Damage])]);
  }
  table.push(['wait for the lock, p50 / p99 ms', ...rounds.map((round) => percentiles(round.lockWaitMs))]);
  table.push(['whole request, p50 / p99 ms', ...rounds.map((round) => percentiles(round.latencyMs))]);
  return table.toString();
}

export function frozenHolderLines(frozen: FrozenHolder): string {
  return [
    `process A held group ${frozen.groupId} under a lease of 1 s and was frozen (SIGSTOP)`,
    `process B waited ${Math.round(frozen.nextWaitedMs)} ms, got the lock with fencing token ${frozen.nextToken ?? 'unknown'}, and wrote`,
    `process A woke up (SIGCONT)${frozen.noticed === undefined ? '' : ` and noticed: ${frozen.noticed}`}`,
    `its write carried fencing token ${frozen.frozenToken ?? 'unknown'} and was answered ${frozen.answer.status} ${String(frozen.answer.code)}`,
    `members of the group now: ${frozen.members.join(', ')}`,
    frozen.refused ? 'the stale write was refused by the state itself' : 'THE STALE WRITE WAS NOT REFUSED',
  ].join('\n');
}

export function totalDamage(round: Round): number {
  return Object.values(round.damage).reduce((total, number) => total + number, 0);
}

function percentiles(histogram: Histogram): string {
  if (histogram.totalCount === 0) return '–';
  return `${percentileMs(histogram, 50).toFixed(1)} / ${percentileMs(histogram, 99).toFixed(1)}`;
}
