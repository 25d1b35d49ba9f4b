/**
 * The package in every surrounding that we promise: {Nest 11, 12} × {Express, Fastify} × {ioredis 5, 6} × {Node 20, 22, 24, 26}, one tarball for all.
 * In each cell the application of test/ecosystem/matrix runs as ES modules, as CommonJS, under Jest and under Vitest.
 * `npm run test:matrix [-- --list | --ci | --cell 11-express-5-20 …] [--tarball file]`
 */
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { packPackage } from '../pack-package.mjs';
import * as application from './application.mjs';
import { NESTS } from './installed-cell.mjs';
import { nodeProgram, NODES } from './nodes.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** A way to load the package, and the arguments of Node for it. */
const WAYS = {
  esm: () => ['esm/specs/main.js'],
  cjs: () => ['cjs/specs/main.js'],
  jest: (app) => application.jestArguments(app),
  vitest: (app) => application.vitestArguments(app),
};
const HANG_MS = 300_000;
/** The oldest of everything, and what a new application has. */
const CI_CELLS = ['11-express-5-20', '12-fastify-6-24'];
const ALL_CELLS = NESTS.flatMap((nest) =>
  ['express', 'fastify'].flatMap((adapter) =>
    ['5', '6'].flatMap((ioredis) => NODES.map((node) => [nest, adapter, ioredis, node].join('-'))),
  ),
);

/** The Nests whose types have been found right: they are the same in each cell. */
const typed = new Set();

const { values } = parseArgs({
  options: {
    cell: { type: 'string', multiple: true },
    ci: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    tarball: { type: 'string' },
  },
});
const cells = values.cell ?? (values.ci ? CI_CELLS : ALL_CELLS);
const unknown = cells.find((cell) => !ALL_CELLS.includes(cell));
if (unknown !== undefined) application.fail(`there is no cell ${unknown}; --list prints them all`);
if (values.list) console.log(ALL_CELLS.join('\n'));
else await runAll();

async function runAll() {
  const packed = await mkdtemp(join(tmpdir(), 'packed-'));
  try {
    const tarball = values.tarball ?? (await packPackage(packed));
    const rows = [];
    for (const cell of cells) rows.push(await runCell(cell, tarball));
    const columns = ['cell', ...Object.keys(WAYS), 'types'];
    const lines = [columns, columns.map(() => '---'), ...rows.map(({ cell, results }) => [cell, ...results])];
    console.log(['', ...lines.map((line) => `| ${line.join(' | ')} |`)].join('\n'));
    const installs = await checkInstalls();
    const failed = [...rows.flatMap(({ results }) => results), ...installs].filter(
      (result) => !result.startsWith('ok'),
    );
    console.log(`\n${cells.length} cells, ${failed.length} failures`);
    process.exitCode = failed.length === 0 ? 0 : 1;
  } finally {
    await rm(packed, { recursive: true, force: true });
  }
}

/** `npm ci` of the checkout, as each Node would judge it: nothing is installed. */
async function checkInstalls() {
  const npm = process.env.npm_execpath ?? application.fail('run this with npm: npm run test:matrix');
  const majors = [...new Set(cells.map((cell) => cell.split('-')[3]))];
  const checks = majors.map(async (major) => {
    const args = [npm, 'ci', '--dry-run', '--no-audit', '--no-fund', '--loglevel=warn'];
    const { status, stderr } = spawnSync(await nodeProgram(major), args, { cwd: ROOT, encoding: 'utf8' });
    const result = status === 0 && !stderr.includes('npm warn') ? 'ok' : `FAILED\n${stderr}`;
    console.log(`npm ci on Node ${major} without a warning: ${result}`);
    return result;
  });
  return Promise.all(checks);
}

async function runCell(cell, tarball) {
  const [nest, adapter, ioredis, node] = cell.split('-');
  const program = await nodeProgram(node);
  const app = await application.makeApplication({ nest, tarball, specs: 'matrix' });
  try {
    const isTyped = typed.has(nest) || application.isWellTyped(app);
    if (isTyped) typed.add(nest);
    await useIoredis(app, ioredis);
    await compile(app, 'esm', { type: 'module', format: 'es6' });
    await compile(app, 'cjs', { type: 'commonjs', format: 'commonjs' });
    const env = { ...application.environment(nest), ADAPTER: adapter, IOREDIS: ioredis };
    const results = Object.entries(WAYS).map(([way, args]) => {
      const started = Date.now();
      const { status, stdout, stderr } = spawnSync(program, args(app), {
        cwd: app,
        env,
        encoding: 'utf8',
        timeout: HANG_MS,
        killSignal: 'SIGKILL',
      });
      if (status !== 0) console.error(`\n${cell}, ${way}: status ${status}\n${stdout}${stderr}`);
      return `${status === 0 ? 'ok' : 'FAILED'} ${((Date.now() - started) / 1000).toFixed(1)} s`;
    });
    results.push(isTyped ? 'ok' : 'FAILED');
    console.log(`${cell}: ${results.join(', ')}`);
    return { cell, results };
  } finally {
    await application.removeApplication(app);
  }
}

/** Each installation has one major as `ioredis`, and the other under a name of its own. */
async function useIoredis(app, major) {
  const installed = join(app, '../../node_modules/ioredis');
  const { version } = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8'));
  if (version.split('.')[0] !== major)
    await symlink(`${installed}${major}`, join(app, 'node_modules/ioredis'), 'dir');
}

/** The sources of the application as one who publishes them would compile them. */
async function compile(app, target, { type, format }) {
  const { transform } = await import('@swc/core');
  for (const folder of ['specs', 'support']) {
    await mkdir(join(app, target, folder), { recursive: true });
    const files = (await readdir(join(app, folder))).filter((file) =>
      /^(main|story|start-redis)\.ts$/.test(file),
    );
    for (const file of files) {
      const { code } = await transform(await readFile(join(app, folder, file), 'utf8'), {
        swcrc: false,
        module: { type: format, ignoreDynamic: true },
        jsc: {
          target: 'es2022',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
          keepClassNames: true,
        },
      });
      await writeFile(join(app, target, folder, file.replace(/ts$/, 'js')), code);
    }
  }
  await writeFile(join(app, target, 'package.json'), JSON.stringify({ type }));
}
