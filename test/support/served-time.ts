import { readdirSync, readFileSync } from 'node:fs';

const BEAT_MS = 10;
/** Of {@link ServedTime.busyness}: on a quiet machine it is a tenth; with a load of ten on two cores, two fifths. */
export const TOO_BUSY = 0.3;
/** A timer may be so late on any machine. */
const PUNCTUAL_MS = 2;
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
    return this.#stolenMs().reduce((sum, ms) => sum + ms, 0);
  }

  /** For what part of the time the one of us who was kept waiting most was kept waiting: from 0 to 1. */
  get busyness(): number {
    return Math.max(...this.#stolenMs()) / this.tookMs;
  }

  /** Is so much over even without what was stolen? */
  isOver(boundMs: number): boolean {
    return this.tookMs > boundMs && this.tookMs - this.stolenMs > boundMs;
  }

  stop(): void {
    clearInterval(this.#beat);
  }

  #stolenMs(): number[] {
    this.#note();
    const ofChildren = [...delaysOfChildrenMs()].map(([pid, ms]) => ms - (this.#delaysMs.get(pid) ?? 0));
    return [this.#lateMs, ...ofChildren];
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
