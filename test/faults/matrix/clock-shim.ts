import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const COMPILERS = ['cc', 'gcc', 'clang'];

let library: { readonly path: string } | { readonly missing: string } | undefined;

/** Compiled when first asked for; never more than once. */
function shim(): { readonly path: string } | { readonly missing: string } {
  return (library ??= compile());
}

function compile(): { readonly path: string } | { readonly missing: string } {
  if (process.platform !== 'linux') return { missing: 'the clock shim is made for Linux' };
  const compiler = COMPILERS.find((name) => spawnSync(name, ['--version']).status === 0);
  if (compiler === undefined)
    return { missing: 'no C compiler (cc, gcc, clang) to build the clock shim with' };
  const path = join(mkdtempSync(join(tmpdir(), 'test-clock-')), 'clock-shim.so');
  const source = new URL('clock-shim.c', import.meta.url).pathname;
  const { status, stderr } = spawnSync(compiler, ['-O2', '-shared', '-fPIC', '-o', path, source], {
    encoding: 'utf8',
  });
  return status === 0
    ? { path }
    : { missing: `${compiler} could not build the clock shim: ${stderr.slice(0, 200)}` };
}

export function clockShimMissing(): string | null {
  const built = shim();
  return 'missing' in built ? built.missing : null;
}

/** A wall clock of one or more processes that can be moved while they run. */
export class MovableClock {
  /** For the environment of those processes. */
  readonly env: Readonly<Record<string, string>>;
  readonly #file: string;

  constructor() {
    const built = shim();
    if ('missing' in built) throw new Error(built.missing);
    this.#file = join(mkdtempSync(join(tmpdir(), 'test-clock-')), 'offset');
    writeFileSync(this.#file, Buffer.alloc(8));
    this.env = { LD_PRELOAD: built.path, CLOCKSHIM_FILE: this.#file };
  }

  /** From now on it shows so much more than the machine's, or less. */
  set(offsetMs: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(Math.round(offsetMs * 1_000)) * 1_000n);
    const file = openSync(this.#file, 'r+'); // in place: the processes have mapped this very file
    writeSync(file, bytes, 0, 8, 0);
    closeSync(file);
  }
}
