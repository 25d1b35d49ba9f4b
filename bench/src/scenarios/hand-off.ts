import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { FaultProxy } from 'nestjs-distributed-lock/engine/testing';
import { median } from 'simple-statistics';

import { nowMs, nowNs } from '../child/clock.js';
import { role } from '../child/role.js';
import { Spans } from '../child/spans.js';
import { runTogether } from '../run/measured-process.js';
import { checkNoOverlap, visitInOrder } from '../run/overlaps.js';
import { isMainRow, type Measuring, type RowByRow } from './scenario.js';

const ROUND_TRIPS_MS = [2, 10] as const;
const PING_EVERY_MS = 10;
const BOUND_MS = 20_000;
const ENOUGH_HAND_OFFS = 3;
const SHORTEST_WINDOW_MS = 1_000;

interface Params {
  readonly windowMs: number;
  readonly sectionMs: number;
}

/** What the link is like while it is used: a PING now and then, on a connection of its own. */
async function pingUntil(isOver: () => boolean, redis: Redis): Promise<number[]> {
  const takenMs: number[] = [];
  while (!isOver()) {
    const sentMs = nowMs();
    await redis.ping();
    takenMs.push(nowMs() - sentMs);
    await sleep(PING_EVERY_MS);
  }
  return takenMs;
}

const partner = role('hand-off', async (place, { windowMs, sectionMs }: Params) => {
  place.sent.begin();
  const pinger = new Redis(place.url);
  await pinger.ping();
  const client = await place.open();
  await client.using(`warm-up:${process.pid}`, async () => {});
  const spans = new Spans();
  const { startNs } = await place.start();
  const sentBefore = place.sent.count;
  const isOver = (): boolean => nowNs() >= startNs + windowMs * 1e6;
  const pings = pingUntil(isOver, pinger);
  const loop = async (): Promise<void> => {
    while (!isOver()) {
      await client.using('passed', async () => {
        const enterNs = nowNs();
        await sleep(sectionMs);
        spans.add(enterNs, nowNs());
      });
    }
  };
  await Promise.race([loop(), sleep(windowMs)]);
  const sent = place.sent.count - sentBefore;
  const pingsMs = await pings;
  return { pingsMs, spans: spans.take(), sent: sent - pingsMs.length };
});

interface HandOffs {
  readonly roundTrips: number;
  readonly ms: number;
  readonly longestMs: number;
  readonly commands: number;
}

/** From the end of the work in one process to the beginning of the work in the other. */
function handOffsMs(spans: readonly Float64Array[]): number[] {
  const found: number[] = [];
  let previous = { process: -1, leaveNs: 0 };
  visitInOrder(spans, (process, enterNs, leaveNs) => {
    if (previous.process !== -1 && previous.process !== process)
      found.push((enterNs - previous.leaveNs) / 1e6);
    previous = { process, leaveNs };
  });
  return found;
}

async function measureAt({ redis, inProcess, ms }: Measuring, delayMs: number): Promise<HandOffs> {
  await redis.empty(); // of what the processes before left behind
  const proxy = await FaultProxy.listen({ host: '127.0.0.1', port: redis.port });
  proxy.delayUpMs = delayMs / 2;
  proxy.delayDownMs = delayMs / 2;
  try {
    // Long enough that the other one has asked meanwhile.
    const params = { windowMs: Math.max(ms(1_400), SHORTEST_WINDOW_MS), sectionMs: 3 * delayMs + 10 };
    const results = await runTogether(partner, [params, params], inProcess(BOUND_MS, { url: proxy.url }));
    const spans = results.map((result) => result.spans);
    checkNoOverlap(spans);
    const found = handOffsMs(spans);
    // Else one of the two starves: its partner takes the lock again and again.
    if (found.length < ENOUGH_HAND_OFFS) return { roundTrips: NaN, ms: NaN, longestMs: NaN, commands: NaN };
    const acquisitions = spans.reduce((sum, { length }) => sum + length / 2, 0);
    const roundTripMs = median(results.flatMap(({ pingsMs }) => pingsMs));
    return {
      roundTrips: median(found) / roundTripMs,
      ms: median(found),
      longestMs: Math.max(...found),
      commands: results.reduce((sum, { sent }) => sum + sent, 0) / acquisitions,
    };
  } finally {
    await proxy.close();
  }
}

export const handOff: RowByRow = {
  id: 'hand-off',
  title: 'Hand-off between two processes over a slow link',
  how:
    'Two processes take turns through a proxy that adds 2 or 10 ms to each round trip. Hand-off: from the end of the work in one to the ' +
    "beginning of the work in the other, in round trips as a PING at the same time through the same proxy takes (median of each; of some 50 the longest, too). –: hardly ever handed over, one of the two starved. Checked: the sections' times never overlap.",
  columns: ROUND_TRIPS_MS.flatMap((delayMs) => [
    { key: `ms${delayMs}`, title: `${delayMs} ms link: hand-off, ms`, digits: 1, better: 'less' as const },
    { key: `longestMs${delayMs}`, title: 'longest', digits: 1, better: 'less' as const },
    { key: `roundTrips${delayMs}`, title: 'round trips', digits: 2, better: 'less' as const },
    { key: `commands${delayMs}`, title: 'commands per acquisition', digits: 1, better: 'less' as const },
  ]),
  takesPart: isMainRow,
  async measure(measuring) {
    const values: Record<string, number> = {};
    for (const delayMs of ROUND_TRIPS_MS) {
      const { ms, longestMs, roundTrips, commands } = await measureAt(measuring, delayMs);
      values[`ms${delayMs}`] = ms;
      values[`longestMs${delayMs}`] = longestMs;
      values[`roundTrips${delayMs}`] = roundTrips;
      values[`commands${delayMs}`] = commands;
    }
    if (Object.values(values).every(Number.isNaN))
      throw new Error('hardly ever handed over: one of the two starved');
    return values;
  },
};
