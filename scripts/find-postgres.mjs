import { accessSync, constants, readdirSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

export const HOW_TO_INSTALL_POSTGRES = `No PostgreSQL server found: its tests start one of their own.
  Debian, Ubuntu   apt-get install postgresql
  Fedora, RHEL     dnf install postgresql-server
  Alpine           apk add postgresql
  macOS            brew install postgresql
Or set POSTGRES_BIN to the folder of postgres and initdb.`;

/** Where distributions put them, newest first. */
const FOLDERS = ['/usr/lib/postgresql', '/usr/libexec/postgresql', '/opt/homebrew/opt', '/usr/local/opt'];

/** The folder of `postgres` and `initdb`: POSTGRES_BIN when set, else the first on PATH, else where distributions put them, else null. */
export function findPostgresBin(env = process.env) {
  if (env.POSTGRES_BIN) return hasBoth(env.POSTGRES_BIN) ? env.POSTGRES_BIN : null;
  const path = (env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return [...path, ...FOLDERS.flatMap(versionsIn)].find(hasBoth) ?? null;
}

/**
 * Who runs it: PostgreSQL refuses to be root. The user postgres, else nobody; null: as we are. @param passwd the text of /etc/passwd
 *
 * @returns {{ uid: number, gid: number } | null}
 */
export function postgresUser(passwd) {
  if (process.getuid?.() !== 0) return null;
  const find = (name) => passwd.split('\n').find((line) => line.startsWith(`${name}:`));
  const [, , uid, gid] = (find('postgres') ?? find('nobody') ?? '::65534:65534').split(':');
  return { uid: Number(uid), gid: Number(gid) };
}

function versionsIn(folder) {
  try {
    const names = readdirSync(folder).filter((name) => /^(postgresql@)?\d+$/.test(name));
    names.sort((a, b) => Number(b.replace(/\D/g, '')) - Number(a.replace(/\D/g, '')));
    return names.map((name) => join(folder, name, 'bin'));
  } catch {
    return [];
  }
}

function hasBoth(folder) {
  return ['postgres', 'initdb'].every((name) => isExecutable(join(folder, name)));
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
