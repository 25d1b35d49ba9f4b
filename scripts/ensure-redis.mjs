// Runs before `npm test`: silent and quick when there is a redis-server, else installs one, else says how to.
import { findRedisServer, HOW_TO_INSTALL_REDIS } from './find-redis.mjs';
import { installServer } from './install-server.mjs';

const NAMES = { 'apt-get': 'redis-server', dnf: 'valkey', apk: 'redis', brew: 'redis' };

const isThere = () => findRedisServer() !== null;
if (!isThere() && !(canInstall() && installServer('redis-server', NAMES) && isThere())) {
  console.error(HOW_TO_INSTALL_REDIS);
  process.exit(1);
}

/** A wrong REDIS_SERVER_BIN is the caller's to correct: installing another server would hide the mistake. */
function canInstall() {
  if (!process.env.REDIS_SERVER_BIN) return true;
  console.error(`REDIS_SERVER_BIN=${process.env.REDIS_SERVER_BIN} cannot be executed.`);
  return false;
}
