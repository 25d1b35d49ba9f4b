import { Worker } from './worker.js';

/** Starting a process takes longer than a run: those that are still well are used again, by the next run of the same environment. */
export class WorkerPool {
  readonly #idle = new Map<string, Worker[]>();

  async take(env: Readonly<Record<string, string>> = {}): Promise<Worker> {
    const idle = this.#idle.get(JSON.stringify(env));
    return idle?.pop() ?? Worker.start(env);
  }

  give(worker: Worker, env: Readonly<Record<string, string>> = {}): void {
    if (worker.over) return;
    const key = JSON.stringify(env);
    const idle = this.#idle.get(key);
    if (idle === undefined) this.#idle.set(key, [worker]);
    else idle.push(worker);
  }

  /** How many did not end by themselves when they were let go. */
  async close(): Promise<number> {
    const workers = [...this.#idle.values()].flat();
    this.#idle.clear();
    const left = await Promise.all(workers.map((worker) => worker.leave(2_000)));
    return left.filter((byItself) => !byItself).length;
  }
}
