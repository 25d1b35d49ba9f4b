import { loadAdapter } from '../adapters/index.js';
import { kindOf } from '../run/outcome.js';
import { nowNs } from './clock.js';
import { findRole, type FromChild, type Job, type ToChild } from './role.js';
import { SentCommands } from './sent-commands.js';
import '../scenarios/index.js'; // where the roles are

const job = JSON.parse(process.argv[2] ?? '{}') as Job;

function tell(message: FromChild): Promise<void> {
  return new Promise((resolve) => {
    process.send?.(message, () => resolve());
  });
}

async function start(told?: unknown): Promise<{ startNs: number }> {
  const go = new Promise<ToChild>((resolve) => void process.once('message', resolve));
  await tell({ kind: 'ready', told: told ?? null });
  const { startNs } = await go;
  // Timers are a millisecond late at worst, and all processes alike.
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, (startNs - nowNs()) / 1e6)));
  return { startNs };
}

async function run(): Promise<void> {
  const { url, adapter } = job;
  // The roles of docs/cost.md bring our library along, which a peer's process has no use for.
  if (job.role.startsWith('cost:')) await import('../cost/roles.js');
  const place = {
    url,
    open: async (options = {}) => (await loadAdapter(adapter)).open({ url, ...options }),
    start,
    sent: new SentCommands(),
  } satisfies Parameters<ReturnType<typeof findRole>>[0];
  const result = await findRole(job.role)(place, job.params as never);
  await tell({ kind: 'result', result });
}

process.once('disconnect', () => process.exit(1)); // nobody is interested any more
run().then(
  () => process.exit(0),
  async (error: unknown) => {
    const outcome = kindOf(error);
    const [name, message] = error instanceof Error ? [`${error.name}: `, error.message] : ['', String(error)];
    await tell({ kind: 'error', message: outcome === 'failed' ? name + message : message, outcome });
    process.exit(1);
  },
);
