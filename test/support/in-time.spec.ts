import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually, inRealTime, within } from './in-time.js';

const BOUND_MS = 100;
/** As on a machine that serves others: time passes, nothing of ours runs, and we do not compute. */
const standStill = (ms: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
function compute(ms: number): void {
  const endsAtMs = performance.now() + ms;
  while (performance.now() < endsAtMs);
}

describe('a bound in time', () => {
  let folder: string;
  const { NOT_JUDGED_FILE } = process.env;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'test-in-time-'));
    process.env['NOT_JUDGED_FILE'] = join(folder, 'lines');
  });
  afterEach(() => {
    if (NOT_JUDGED_FILE === undefined) delete process.env['NOT_JUDGED_FILE'];
    else process.env['NOT_JUDGED_FILE'] = NOT_JUDGED_FILE;
    rmSync(folder, { recursive: true });
  });
  const said = () => readFileSync(join(folder, 'lines'), 'utf8');

  it('that is kept says nothing', async () => {
    await expect(within(60_000, async () => 'done')).resolves.toBe('done');
    expect(said).toThrow('ENOENT');
  });

  it('that is missed while the machine had time for us fails the test, and says how long it took', async () => {
    await expect(within(BOUND_MS, () => sleep(3_000))).rejects.toThrow(/took \d{4} ms .* may take 100 ms/);
    const startedAtMs = performance.now();
    await expect(eventually(() => performance.now() - startedAtMs > 3_000, BOUND_MS)).rejects.toThrow(
      'not within 100 ms',
    );
    expect(said).toThrow('ENOENT');
  });

  it('that is missed because we computed too long fails the test, too', async () => {
    const work = async () => {
      for (let n = 0; n < 10; n++) {
        compute(200);
        await sleep(1);
      }
    };
    await expect(within(BOUND_MS, work)).rejects.toThrow('may take 100 ms');
  });

  it('that is missed because the machine stood still is not judged, and that is written down', async () => {
    await within(BOUND_MS, async () => {
      await sleep(1);
      standStill(400);
    });
    let looks = 0;
    await eventually(() => {
      if (looks++ === 1) standStill(400);
      return looks > 3;
    }, BOUND_MS);
    const lines = said().trim().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(
      Array(2).fill({
        test: expect.stringMatching(
          /^test\/support\/in-time\.spec\.ts: a bound in time that is missed because/,
        ),
        why: expect.stringMatching(/\d+ ms .*gave \d+ ms to others.* may take 100 ms/),
      }),
    );
  });

  it('may be missed twice by a whole case, if the machine was busy each time', async () => {
    let runs = 0;
    const work = async (failures: number) => {
      standStill(400);
      await sleep(5);
      if (runs++ < failures) throw new Error('a wait was over');
    };
    await inRealTime(() => work(2))();
    expect(said().trim().split('\n')).toHaveLength(2);
    runs = 0;
    await expect(inRealTime(() => work(3))()).rejects.toThrow('a wait was over');
  });

  it('fails a whole case at once if the machine had time for it', async () => {
    let runs = 0;
    const work = async () => {
      await sleep(2_000);
      if (runs++ === 0) throw new Error('a wait was over');
    };
    await expect(inRealTime(work)()).rejects.toThrow('a wait was over');
    expect(said).toThrow('ENOENT');
  });

  it('never excuses what is not a matter of time', async () => {
    const broken = async () => {
      standStill(400);
      expect('two holders').toBe('one holder');
    };
    await expect(within(BOUND_MS, broken)).rejects.toThrow('two holders');
  });
});

describe('the end of a run', () => {
  const reporter = new URL('../jest/not-judged-reporter.mjs', import.meta.url).href;
  const script = `
    import { appendFileSync } from 'node:fs';
    const { default: Reporter } = await import(${JSON.stringify(reporter)});
    const reporter = new Reporter();
    reporter.onRunStart();
    for (const test of process.argv.slice(1))
      appendFileSync(process.env.NOT_JUDGED_FILE, JSON.stringify({ test, why: 'late' }) + '\\n');
    console.error = console.log;
    reporter.onRunComplete();
    console.log(String(reporter.getLastError()));
  `;
  const run = (tests: string[], everything = '') =>
    execFileSync(process.execPath, ['--input-type=module', '-e', script, ...tests], {
      env: { ...process.env, JUDGE_EVERYTHING: everything },
      encoding: 'utf8',
    });

  it('says how many were not judged, and which', () => {
    expect(run([])).toBe('\nNot judged: 0\nundefined\n');
    expect(run(['a', 'b'])).toBe(
      '\nNot judged: 2. THE MACHINE WAS TOO BUSY FOR\n  a\n    late\n  b\n    late\nundefined\n',
    );
  });

  it('fails a run on a machine that is known to be quiet when there is one', () => {
    expect(run([], '1')).toContain('undefined');
    expect(run(['a'], '1')).toContain('Error: 1 bounds were not judged, and JUDGE_EVERYTHING is set');
  });
});
