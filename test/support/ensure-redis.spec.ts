import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { ROOT } from './source-files.js';

const INSTALL = '[ "$1" = install ] && cp /bin/true "$FOLDER/redis-server"; exit 0';
const FAIL = 'echo "E: Failed to fetch http://mirror.internal/debian" >&2; exit 100';

describe('scripts/ensure-redis.mjs, on a machine whose PATH is one folder', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'test-path-'));
    program('sudo', '[ "$1" = -n ] && shift; exec "$@"'); // without effect for root
  });

  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  function program(name: string, script: string): void {
    const text = `#!/bin/sh\nFOLDER='${folder}'\nPATH="$FOLDER:/usr/bin:/bin"\n${script}\n`;
    writeFileSync(join(folder, name), text, { mode: 0o755 });
  }

  function ensure(env: Record<string, string> = {}): { status: number | null; said: string } {
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(ROOT, 'scripts/ensure-redis.mjs')], {
      env: { PATH: folder, ...env },
      encoding: 'utf8',
    });
    return { status, said: stdout + stderr };
  }

  it.each(['redis-server', 'valkey-server', 'keydb-server'])('is silent when there is a %s', (name) => {
    program(name, 'exit 0');
    program('apt-get', FAIL);
    expect(ensure()).toEqual({ status: 0, said: '' });
  });

  it('installs a server with the package manager when there is none', () => {
    program('apt-get', INSTALL);
    const first = ensure();
    expect(first.status).toBe(0);
    expect(first.said).toContain('installing one with apt-get');
    expect(ensure()).toEqual({ status: 0, said: '' });
  });

  it('says how to install one when there is no package manager', () => {
    const { status, said } = ensure();
    expect(status).toBe(1);
    expect(said).toContain('apt-get install redis-server');
    expect(said).toContain('brew install redis');
  });

  it('says why the package manager failed, without the address of its mirror', () => {
    program('apt-get', `[ "$1" = --version ] && exit 0; ${FAIL}`);
    const { status, said } = ensure();
    expect(status).toBe(1);
    expect(said).toContain('Failed to fetch <mirror>');
    expect(said).not.toContain('mirror.internal');
  });

  it('does not hide a wrong REDIS_SERVER_BIN behind another server', () => {
    program('redis-server', 'exit 0');
    program('apt-get', INSTALL);
    const { status, said } = ensure({ REDIS_SERVER_BIN: '/nowhere/redis-server' });
    expect(status).toBe(1);
    expect(said).toContain('REDIS_SERVER_BIN=/nowhere/redis-server cannot be executed');
  });
});
