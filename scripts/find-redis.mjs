import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Any of these speaks the protocol and runs the scripts. */
export const REDIS_SERVER_NAMES = ['redis-server', 'valkey-server', 'keydb-server'];

export const HOW_TO_INSTALL_REDIS = `No redis-server found: the tests and the demo start one of their own.
  Debian, Ubuntu   apt-get install redis-server
  Fedora, RHEL     dnf install valkey      (or redis)
  Alpine           apk add redis
  macOS            brew install redis
Or set REDIS_SERVER_BIN to the path of a redis-server, valkey-server or keydb-server.`;

/** The path of a server: REDIS_SERVER_BIN when set, else the first on PATH, else null. */
export function findRedisServer(env = process.env) {
  if (env.REDIS_SERVER_BIN) return isExecutable(env.REDIS_SERVER_BIN) ? env.REDIS_SERVER_BIN : null;
  const folders = (env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  for (const name of REDIS_SERVER_NAMES) {
    const found = folders.map((folder) => join(folder, name)).find(isExecutable);
    if (found !== undefined) return found;
  }
  return null;
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
