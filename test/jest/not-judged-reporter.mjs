import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/**
 * Says at the end which bounds in time could not be judged, because the machine was too busy: see ../support/in-time.ts. With
 * JUDGE_EVERYTHING=1, for a machine that is known to be quiet, the run fails when there is one.
 */
export default class NotJudgedReporter {
  #file = '';
  #error;

  onRunStart() {
    this.#file = join(mkdtempSync(join(tmpdir(), 'test-not-judged-')), 'lines');
    process.env.NOT_JUDGED_FILE = this.#file;
  }

  onRunComplete() {
    const lines = this.#lines();
    rmSync(dirname(this.#file), { recursive: true, force: true });
    console.error(`\nNot judged: ${lines.length}${lines.length > 0 ? '. THE MACHINE WAS TOO BUSY FOR' : ''}`);
    for (const { test, why } of lines) console.error(`  ${test}\n    ${why}`);
    if (lines.length > 0 && process.env.JUDGE_EVERYTHING === '1')
      this.#error = new Error(`${lines.length} bounds were not judged, and JUDGE_EVERYTHING is set`);
  }

  getLastError() {
    return this.#error;
  }

  #lines() {
    try {
      return readFileSync(this.#file, 'utf8').trim().split('\n').map(JSON.parse);
    } catch {
      return []; // nobody wrote it
    }
  }
}
