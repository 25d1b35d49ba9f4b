import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

import { packPackage, unpackInto } from '../../scripts/pack-package.mjs';
import { ROOT } from './source-files.js';

const execute = promisify(execFile);
/** What a user's application has beside us. */
const NEIGHBOURS = ['@nestjs', '@types', 'acorn', 'ioredis', 'reflect-metadata', 'rxjs', 'undici-types'];

/** An empty application with our package as npm would install it: built, packed and unpacked, without any network. */
export class Consumer {
  private constructor(readonly folder: string) {}

  static async create(): Promise<Consumer> {
    const folder = await mkdtemp(join(tmpdir(), 'test-consumer-'));
    const tarball = await packPackage(folder);
    await unpackInto(tarball, join(folder, 'node_modules/nestjs-distributed-lock'));
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
