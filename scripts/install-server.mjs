import { spawnSync } from 'node:child_process';

/** In the order in which they are tried: the first whose program exists is the machine's own. */
const PACKAGE_MANAGERS = [
  {
    program: 'apt-get',
    steps: (name) => [
      ['update', '-q'],
      ['install', '-y', '-q', '--no-install-recommends', name],
    ],
  },
  { program: 'dnf', steps: (name) => [['install', '-y', '-q', name]] },
  { program: 'apk', steps: (name) => [['add', '--no-cache', name]] },
  { program: 'brew', steps: (name) => [['install', name]], asUser: true }, // brew refuses to run as root
];

/**
 * Installs a server with the machine's own package manager.
 *
 * @param what what was not found, for people: "redis-server"
 * @param names what each package manager calls it, by its program
 * @returns did it succeed? What went wrong was said.
 */
export function installServer(what, names) {
  const manager = PACKAGE_MANAGERS.find(({ program }) => runs(program, ['--version']));
  if (manager === undefined) return false;
  const prefix = manager.asUser || process.getuid?.() === 0 ? [] : ['sudo', '-n'];
  if (prefix.length > 0 && !runs('sudo', ['-n', 'true'])) return false;
  console.error(`No ${what} found: installing one with ${manager.program} …`);
  const steps = manager.steps(names[manager.program]);
  for (const step of steps) {
    const [program, ...args] = [...prefix, manager.program, ...step];
    // Output only on failure: package managers are talkative, and name the mirrors of the machine.
    const { status, stderr } = spawnSync(program, args, {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      encoding: 'utf8',
    });
    if (status === 0) continue;
    console.error(`${[program, ...args].join(' ')} failed:\n${lastLines(stderr ?? '')}`);
    // `update` may fail for one mirror of many; only the last step decides.
    if (step === steps.at(-1)) return false;
  }
  return true;
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
