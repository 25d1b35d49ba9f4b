import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { mean, median } from 'simple-statistics';

import type { Costs, ServerCosts } from './server-costs.js';

const SETTLE_MS = 200;

/** Bytes on the heap that something keeps alive. */
export async function heapUsed(): Promise<number> {
  if (globalThis.gc === undefined) throw new Error('started without --expose-gc');
  await sleep(SETTLE_MS); // what is under way is done
  globalThis.gc();
  globalThis.gc();
  return process.memoryUsage().heapUsed;
}

/** Microseconds of processor time of this process. */
export async function cpuUsDuring(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

/** What it costs that nothing happens. */
export interface Idle {
  readonly commandsPerSecond: number;
  /**
   * Processor time, in % of a core. (Not the server's own microseconds of scripts: those go on while somebody else has the core,
   * which weighs here, where there is little to measure.)
   */
  readonly serverPercent: number;
  readonly processPercent: number;
}

export async function idleFor(windowMs: number, costs: ServerCosts): Promise<Idle> {
  const startMs = performance.now();
  let cpuUs = 0;
  const found = await costs.during(async () => {
    cpuUs = await cpuUsDuring(() => sleep(windowMs));
  });
  const seconds = (performance.now() - startMs) / 1e3;
  return {
    commandsPerSecond: found.commands / seconds,
    serverPercent: found.cpuUs / 1e4 / seconds,
    processPercent: cpuUs / 1e4 / seconds,
  };
}

/** What a row of acquisitions costs, each. */
export interface PerAcquisition {
  readonly commands: number;
  /** Inside scripts. */
  readonly serverUs: number;
  /** Processor time of this process. */
  readonly processUs: number;
}

export async function perAcquisition(
  costs: ServerCosts,
  count: number,
  work: () => Promise<unknown>,
): Promise<PerAcquisition> {
  let cpuUs = 0;
  const found: Costs = await costs.during(async () => {
    cpuUs = await cpuUsDuring(work);
  });
  return { commands: found.scripts / count, serverUs: found.scriptUs / count, processUs: cpuUs / count };
}

/**
 * `work` for all, some at a time. Microseconds are the median of the portions: a moment in which the machine did something else is in
 * one of them.
 */
export async function perPortion<T>(
  costs: ServerCosts,
  items: readonly T[],
  work: (item: T) => Promise<unknown>,
): Promise<PerAcquisition> {
  const found: PerAcquisition[] = [];
  await inPortions(items, async (portion) => {
    const each = (): Promise<unknown> => Promise.all(portion.map(work));
    found.push(await perAcquisition(costs, portion.length, each));
  });
  return {
    commands: mean(found.map(({ commands }) => commands)),
    serverUs: median(found.map(({ serverUs }) => serverUs)),
    processUs: median(found.map(({ processUs }) => processUs)),
  };
}

const PORTION = 500;

export async function inPortions<T>(
  items: readonly T[],
  work: (portion: readonly T[]) => Promise<unknown>,
  size = PORTION,
): Promise<void> {
  for (let from = 0; from < items.length; from += size) await work(items.slice(from, from + size));
}
