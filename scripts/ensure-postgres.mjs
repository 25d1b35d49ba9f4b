// For a run that must leave nothing out (.ci/run): as ensure-redis.mjs. `npm test` leaves the tests of PostgreSQL out where it is not there.
import { findPostgresBin, HOW_TO_INSTALL_POSTGRES } from './find-postgres.mjs';
import { installServer } from './install-server.mjs';

const NAMES = { 'apt-get': 'postgresql', dnf: 'postgresql-server', apk: 'postgresql', brew: 'postgresql' };

const isThere = () => findPostgresBin() !== null;
const mayInstall = !process.env.POSTGRES_BIN; // a wrong one is the caller's to correct
if (!isThere() && !(mayInstall && installServer('PostgreSQL server', NAMES) && isThere())) {
  console.error(HOW_TO_INSTALL_POSTGRES);
  process.exit(1);
}
