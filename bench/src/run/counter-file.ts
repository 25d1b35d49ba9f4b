import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { SharedCounter } from '../child/shared-counter.js';
import { BrokenLockError } from './outcome.js';

/** A number in a file for the time of the work. */
export async function withCounter<T>(work: (path: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-counter-'));
  try {
    const path = join(folder, 'counter');
    writeFileSync(path, Buffer.alloc(8));
    return await work(path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @throws BrokenLockError when the number is another than that of the sections which added one */
export function checkCount(path: string, sections: number): void {
  const counter = new SharedCounter(path);
  const count = counter.read();
  counter.close();
  if (count !== sections) throw new BrokenLockError(`${sections - count} of ${sections} updates lost`);
}
