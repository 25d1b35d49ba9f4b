// Runs before `npm test`: silent and quick when there is a redis-server, else installs one, else says how to.
import { spawnSync } from 'node:child_process';

import { findRedisServer, HOW_TO_INSTALL_REDIS } from './find-redis.mjs';

/** In the order in which they are tried: the first whose program exists is the machine's own. */
const PACKAGE_MANAGERS = [
  {
    program: 'apt-get',
    steps: [
      ['update', '-q'],
      ['install', '-y', '-q', '--no-install-recommends', 'redis-server'],
    ],
  },
  { program: 'dnf', steps: [['install', '-y', '-q', 'valkey']] },
  { program: 'apk', steps: [['add', '--no-cache', 'redis']] },
  { program: 'brew', steps: [['install', 'redis']], asUser: true }, // brew refuses to run as root
];

if (findRedisServer() === null && !(canInstall() && install())) {
  console.error(HOW_TO_INSTALL_REDIS);
  process.exit(1);
}

/** A wrong REDIS_SERVER_BIN is the caller's to correct: installing another server would hide the mistake. */
function canInstall() {
  if (!process.env.REDIS_SERVER_BIN) return true;
  console.error(`REDIS_SERVER_BIN=${process.env.REDIS_SERVER_BIN} cannot be executed.`);
  return false;
}

function install() {
  const manager = PACKAGE_MANAGERS.find(({ program }) => runs(program, ['--version']));
  if (manager === undefined) return false;
  const prefix = manager.asUser || process.getuid?.() === 0 ? [] : ['sudo', '-n'];
  if (prefix.length > 0 && !runs('sudo', ['-n', 'true'])) return false;
  console.error(`No redis-server found: installing one with ${manager.program} …`);
  for (const step of manager.steps) {
    const [program, ...args] = [...prefix, manager.program, ...step];
    // Output only on failure: package managers are talkative, and name the mirrors of the machine.
    const { status, stderr } = spawnSync(program, args, {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      encoding: 'utf8',
    });
    if (status === 0) continue;
    console.error(`${[program, ...args].join(' ')} failed:\n${lastLines(stderr ?? '')}`);
    // `update` may fail for one mirror of many; only the last step decides.
    if (step === manager.steps.at(-1)) return false;
  }
  return findRedisServer() !== null;
}

function runs(program, args) {
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0;
}

function lastLines(text) {
  return text
    .trim()
    .split('\n')
    .slice(-5)
    .map((line) => line.replaceAll(/https?:\/\/\S+/g, '<mirror>'))
    .join('\n');
}
