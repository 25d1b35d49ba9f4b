import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

import { ROOT } from './source-files.js';

const execute = promisify(execFile);
/** What a user's application has beside us. */
const NEIGHBOURS = ['@nestjs', '@types', 'acorn', 'ioredis', 'reflect-metadata', 'rxjs', 'undici-types'];

/** An empty application with our package as npm would install it: built, packed and unpacked, without any network. */
export class Consumer {
  private constructor(readonly folder: string) {}

  static async create(): Promise<Consumer> {
    const folder = await mkdtemp(join(tmpdir(), 'test-consumer-'));
    await mkdir(join(folder, 'stage'));
    await build(join(folder, 'stage'));
    const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
    const pack = ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder];
    const { stdout } = await execute(npm, pack, { cwd: join(folder, 'stage') });
    const target = join(folder, 'node_modules/nestjs-distributed-lock');
    await mkdir(target, { recursive: true });
    await execute('tar', ['-xzf', join(folder, stdout.trim()), '--strip-components=1', '-C', target]);
    await Promise.all(
      NEIGHBOURS.map((name) => symlink(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name))),
    );
    return new Consumer(folder);
  }

  async write(path: string, text: string): Promise<void> {
    await mkdir(dirname(join(this.folder, path)), { recursive: true });
    await writeFile(join(this.folder, path), text);
  }

  /** What a Node process printed; rejects with its output when it fails. */
  async node(...args: string[]): Promise<string> {
    const { stdout } = await execute(process.execPath, args, { cwd: this.folder });
    return stdout.trim();
  }

  /** The compiler's complaints, empty when there are none. */
  async complaints(...args: string[]): Promise<string> {
    try {
      await execute(process.execPath, [TSC, ...args], { cwd: this.folder });
      return '';
    } catch (error) {
      return (error as { stdout: string }).stdout;
    }
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}

const TSC = join(ROOT, 'node_modules/@typescript/native/bin/tsc');

/** As `npm run build`, but not into dist: other tests and people may be using that one. */
async function build(stage: string): Promise<void> {
  const dist = join(stage, 'dist');
  const node = (...args: string[]): Promise<unknown> => execute(process.execPath, args, { cwd: ROOT });
  await node(TSC, '-p', 'tsconfig.build.json', '--outDir', dist);
  await node(TSC, '-p', 'tsconfig.cjs.json', '--outDir', join(dist, 'cjs'));
  await node('scripts/mark-cjs.mjs', dist);
  for (const file of ['package.json', 'README.md', 'LICENSE']) await cp(join(ROOT, file), join(stage, file));
}
