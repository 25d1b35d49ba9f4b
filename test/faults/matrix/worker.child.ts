/** The other process: see worker.ts. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { redisStore } from '../../../lib/index.js';
import { RecordedLocks } from '../../support/history/recorded-locks.js';
import { ServedTime } from '../../support/served-time.js';
import { onStall } from './beat.js';
import { FencedResource } from './fenced-resource.js';
import type { SessionOptions, WorkerCommand } from './worker.js';
import { WorkloadRunner } from './workload.js';

/** How long what was closed may take to be gone: a socket's end is heard of later. */
const SETTLE_MS = 1_000;

interface Session {
  readonly locks: RecordedLocks;
  readonly resource: FencedResource;
  readonly file: number;
  readonly before: readonly string[];
  runner?: WorkloadRunner;
}

let session: Session | undefined;
const rejections: string[] = [];
process.on('unhandledRejection', (reason) => rejections.push(`an unhandled rejection: ${stackOf(reason)}`));
process.on('uncaughtException', (error) => rejections.push(`an uncaught exception: ${stackOf(error)}`));

onStall(
  () => performance.now(),
  (fromMs, untilMs) => session?.locks.stalled(fromMs, untilMs),
);

process.on('message', (received) => {
  const { id, command } = received as { id: number; command: WorkerCommand };
  execute(command).then(
    () => process.send?.({ to: id }),
    (error: unknown) => process.send?.({ to: id, error: stackOf(error) }),
  );
});

// oxlint-disable-next-line typescript/consistent-return -- every verb of the union returns
async function execute(command: WorkerCommand): Promise<void> {
  switch (command.verb) {
    case 'open':
      session = await open(command.options);
      return ready(session.locks);
    case 'work': {
      const { locks, resource } = current();
      current().runner = new WorkloadRunner(locks, resource.write, command.workload);
      return;
    }
    case 'rest':
      return current().runner?.rest();
    case 'block':
      return current().locks.block(() => busy(command.ms));
    case 'close':
      return close(current());
  }
}

async function open(options: SessionOptions): Promise<Session> {
  const { p, url, resourceUrl, file, manager, commandMs } = options;
  const resource = new FencedResource(resourceUrl);
  await resource.ready();
  const handle = openSync(file, 'a');
  const before = activeResources();
  const locks = new RecordedLocks({
    p,
    manager: { ...manager, store: redisStore({ url, commandMs }) },
    // At once and not in batches: what was written survives a SIGKILL.
    write: (event) => void writeSync(handle, `${JSON.stringify(event)}\n`),
    offsetMs: sharedClockOffsetMs(),
    tryMs: commandMs,
  });
  locks.locks.on('warning', () => undefined);
  return { locks, resource, file: handle, before };
}

/** The matrix is not about a slow start on a busy machine. */
async function ready(locks: RecordedLocks, tries = 100): Promise<void> {
  try {
    await locks.locks.ready();
  } catch (error) {
    if (tries === 1) throw error;
    await ready(locks, tries - 1);
  }
}

async function close({ locks, resource, file, before, runner }: Session): Promise<void> {
  await locks.close(async () => {
    await runner?.rest(); // the timers of the callers are not ours
    return [...(await leftovers(before)), ...rejections.splice(0)];
  });
  resource.close();
  closeSync(file);
  session = undefined;
}

function current(): Session {
  if (session === undefined) throw new Error('this worker has no session');
  return session;
}

/** From our own monotonic clock to the one that all processes of the machine share. Read often: the closest pair counts. */
function sharedClockOffsetMs(): number {
  let offsetMs = -Infinity;
  for (let n = 0; n < 50; n++) {
    const machineMs = Number(process.hrtime.bigint()) / 1e6;
    offsetMs = Math.max(offsetMs, machineMs - performance.now());
  }
  return offsetMs;
}

/** Timers and sockets that were not there before; waits a little for those on their way out. */
async function leftovers(before: readonly string[]): Promise<string[]> {
  const time = new ServedTime();
  try {
    for (;;) {
      const rest = [...before];
      const left = activeResources().filter((kind) => {
        const known = rest.indexOf(kind);
        if (known !== -1) rest.splice(known, 1);
        return known === -1;
      });
      if (left.length === 0 || time.isOver(SETTLE_MS)) return left;
      await sleep(10);
    }
  } finally {
    time.stop();
  }
}

/** What would keep this process alive. The pause of our own waiting is not counted: it is over when we look. */
function activeResources(): string[] {
  return process.getActiveResourcesInfo().filter((kind) => /Timeout|TCP|Immediate|Pipe/.test(kind));
}

function stackOf(error: unknown): string {
  return String((error as Error | undefined)?.stack ?? error);
}

function busy(ms: number): void {
  const endsAtMs = performance.now() + ms;
  while (performance.now() < endsAtMs);
}
