import { appendFileSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from '@jest/globals';

const BEAT_MS = 10;
/** A timer may be so late on any machine. */
const PUNCTUAL_MS = 2;
/** For what has no bound of its own: longer is a hang. */
const HANG_MS = 60_000;

/**
 * Real time, and how much of it the machine gave to others: a timer of ours was late although we did not compute, or a process that we
 * started (a server, another holder) was ready to run and did not get its turn.
 */
export class ServedTime {
  readonly #startedAtMs = performance.now();
  readonly #delaysMs = delaysOfChildrenMs();
  readonly #beat = setInterval(() => this.#note(), BEAT_MS).unref();
  #notedAtMs = this.#startedAtMs;
  #cpu = process.cpuUsage();
  #lateMs = 0;

  get tookMs(): number {
    return performance.now() - this.#startedAtMs;
  }

  /** Of the time that passed, what the machine did not give us. Of children on Linux only. */
  get stolenMs(): number {
    this.#note();
    const delays = [...delaysOfChildrenMs()];
    return delays.reduce((sum, [pid, ms]) => sum + ms - (this.#delaysMs.get(pid) ?? 0), this.#lateMs);
  }

  /** Is so much over even without what was stolen? */
  isOver(boundMs: number): boolean {
    return this.tookMs > boundMs && this.tookMs - this.stolenMs > boundMs;
  }

  stop(): void {
    clearInterval(this.#beat);
  }

  #note(): void {
    const nowMs = performance.now();
    const { user, system } = process.cpuUsage(this.#cpu);
    const lateMs = nowMs - this.#notedAtMs - BEAT_MS - (user + system) / 1_000;
    if (lateMs > PUNCTUAL_MS) this.#lateMs += lateMs;
    this.#notedAtMs = nowMs;
    this.#cpu = process.cpuUsage();
  }
}

/** Time that is bounded. What is done meanwhile must come to its end in any case; only the bound is not judged on a machine that was busy. */
export async function within<T>(boundMs: number, work: () => Promise<T>): Promise<T> {
  const time = new ServedTime();
  try {
    const result = await work();
    if (time.isOver(boundMs))
      throw new Error(`it took ${described(time)}, and may take ${boundMs} ms: ${work.toString()}`);
    if (time.tookMs > boundMs) notJudged(`it took ${described(time)}, and may take ${boundMs} ms`);
    return result;
  } finally {
    time.stop();
  }
}

/** Polls a condition of the world outside, which sends no event. A bound is one of the product; without one, only a hang is found. */
export async function eventually(
  condition: () => Promise<boolean> | boolean,
  boundMs = HANG_MS,
): Promise<void> {
  const time = new ServedTime();
  try {
    while (!(await condition())) {
      if (time.isOver(boundMs)) throw new Error(`not within ${boundMs} ms: ${condition.toString()}`);
      await sleep(5);
    }
    if (time.tookMs > boundMs) notJudged(`came after ${described(time)}, and may take ${boundMs} ms`);
  } finally {
    time.stop();
  }
}

function described({ tookMs, stolenMs }: ServedTime): string {
  return `${tookMs.toFixed(0)} ms (of them the machine gave ${stolenMs.toFixed(0)} ms to others)`;
}

/** Said at the end of the run, for all to see: see not-judged-reporter.mjs. */
export function notJudged(why: string): void {
  const { currentTestName = '', testPath = '' } = expect.getState();
  const spec = String(testPath).replace(/^.*\/(?=test\/)/, '');
  const line = JSON.stringify({ test: `${spec}: ${currentTestName}`, why });
  const file = process.env['NOT_JUDGED_FILE'];
  if (file === undefined) process.stderr.write(`NOT JUDGED, the machine is too busy: ${line}\n`);
  else appendFileSync(file, `${line}\n`);
}

/** How long each of them was ready to run and did not run, since it began. */
function delaysOfChildrenMs(): Map<number, number> {
  const delays = new Map<number, number>();
  for (const pid of childrenOf(process.pid)) {
    const [, delayNs] = read(`/proc/${pid}/schedstat`).split(' ');
    if (delayNs !== undefined) delays.set(pid, Number(delayNs) / 1e6);
  }
  return delays;
}

function childrenOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      read(`/proc/${pid}/task/${thread}/children`).split(' ').filter(Boolean).map(Number),
    );
  } catch {
    return []; // not Linux
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // it has ended, or this is not Linux
  }
}
