import { setTimeout as sleep } from 'node:timers/promises';
import type { Change } from './state.js';
import { State } from './state.js';

/**
 * Makes every access take a little longer, as a database a few hops away would. It changes no outcome; it only makes visible
 * on one fast machine what happens to unlocked code on many busy ones.
 */
export class SlowState extends State {
  constructor(
    private readonly inner: State,
    private readonly latencyMs: number,
  ) {
    super();
  }

  override async read<T extends object>(table: string, id: string): Promise<T | undefined> {
    await sleep(this.latencyMs);
    return this.inner.read(table, id);
  }

  override async list<T extends object>(table: string): Promise<T[]> {
    await sleep(this.latencyMs);
    return this.inner.list(table);
  }

  override async write(change: Change): Promise<void> {
    await sleep(this.latencyMs);
    return this.inner.write(change);
  }

  override async onApplicationShutdown(): Promise<void> {
    await this.inner.onApplicationShutdown();
  }
}
