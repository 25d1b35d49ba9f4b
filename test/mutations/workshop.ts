import { spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { applyEdit, type Edit, type Suite } from './mutant.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const COPIED = [
  'lib',
  'src',
  'test',
  'sample-app',
  'scripts',
  'docs',
  'package.json',
  'jest.config.mjs',
  'README.md',
  'LICENSE',
  'tsconfig.json',
  'tsconfig.build.json',
  'tsconfig.cjs.json',
];
/** What is generated from what. */
const GENERATED = [
  { from: 'lib/stores/redis/scripts/', by: 'scripts/build-lua.mjs' },
  { from: 'lib/stores/postgres/sql/', by: 'scripts/build-sql.mjs' },
];

/** A mutant may leave something running: that is no reason to hang. */
const JEST_FLAGS = ['--runInBand', '--forceExit', '--testTimeout=10000'];

/**
 * green: every test passed · red: a test failed, this one first · broken: no test failed, and yet it did not pass (nothing ran, or
 * the sources do not compile) · hung: not over within its time.
 */
export type Verdict =
  | { readonly colour: 'green' }
  | { readonly colour: 'red'; readonly test: string }
  | { readonly colour: 'broken' | 'hung'; readonly output: string };

interface JestReport {
  readonly numPassedTests: number;
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

/** A copy of the checkout in which a protection can be switched off without anybody else noticing. */
export class Workshop implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'mutations-'));
  readonly #originals = new Map<string, string>();

  constructor() {
    for (const path of COPIED) cpSync(join(ROOT, path), join(this.#folder, path), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules'), join(this.#folder, 'node_modules'));
  }

  /** @throws when an edit does not match exactly once */
  mutate(edits: readonly Edit[]): void {
    for (const edit of edits) {
      const path = join(this.#folder, edit.file);
      const text = readFileSync(path, 'utf8');
      if (!this.#originals.has(edit.file)) this.#originals.set(edit.file, text);
      writeFileSync(path, applyEdit(text, edit));
    }
    this.#generate(edits.map(({ file }) => file));
  }

  restore(): void {
    for (const [file, text] of this.#originals) writeFileSync(join(this.#folder, file), text);
    this.#generate([...this.#originals.keys()]);
    this.#originals.clear();
  }

  /** Runs one suite in the copy. */
  async run({ spec, tests }: Suite, boundMs: number): Promise<Verdict> {
    const reportFile = join(this.#folder, 'report.json');
    rmSync(reportFile, { force: true });
    const jest = join('node_modules', 'jest', 'bin', 'jest.js');
    const pattern = tests === undefined ? [] : ['-t', tests];
    const args = [jest, spec, ...pattern, ...JEST_FLAGS, '--json', '--outputFile', reportFile];
    const child = spawn(process.execPath, args, {
      cwd: this.#folder,
      detached: true, // a group of its own, with everything that its tests started
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, HANG_MS: '5000' },
    });
    let output = '';
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    let hung = false;
    const timer = setTimeout(() => {
      hung = true;
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    }, boundMs);
    await new Promise((resolve) => child.on('close', resolve));
    clearTimeout(timer);
    return hung ? { colour: 'hung', output } : readVerdict(reportFile, output);
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #generate(files: readonly string[]): void {
    for (const { from, by } of GENERATED) {
      if (!files.some((file) => file.startsWith(from))) continue;
      const { status, stderr } = spawnSync(process.execPath, [by], { cwd: this.#folder });
      if (status !== 0) throw new Error(`${by} failed: ${stderr.toString()}`);
    }
  }
}

function readVerdict(reportFile: string, output: string): Verdict {
  let report: JestReport;
  try {
    report = JSON.parse(readFileSync(reportFile, 'utf8')) as JestReport;
  } catch {
    return { colour: 'broken', output };
  }
  const results = report.testResults.flatMap(({ assertionResults }) => assertionResults);
  const failed = results.find(({ status }) => status === 'failed');
  if (failed !== undefined) return { colour: 'red', test: failed.fullName };
  return report.numPassedTests > 0 && !output.includes('Test suite failed to run')
    ? { colour: 'green' }
    : { colour: 'broken', output };
}
