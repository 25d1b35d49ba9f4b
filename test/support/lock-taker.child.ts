/** The other process: see lock-taker.ts. */
import { LockError, LockManager, redisStore, type Lease } from '../../lib/index.js';
import type { LeaseReport, TakenLease, TakerCommand, TakerEvent, TakerMessage } from './lock-taker.js';

const leases = new Map<number, Lease>();
let manager: LockManager | undefined;

process.on('message', (received) => {
  const { id, command } = received as { id: number; command: TakerCommand };
  execute(command).then(
    (value) => send({ to: id, value }),
    (error: unknown) => send({ to: id, error: portable(error) }),
  );
});
process.on('disconnect', () => process.exit()); // the test is gone

// oxlint-disable-next-line typescript/consistent-return -- every verb of the union returns
async function execute(command: TakerCommand): Promise<unknown> {
  switch (command.verb) {
    case 'start': {
      const { url, manager: options } = command.options;
      manager = new LockManager({ drainMs: 0, ...options, store: redisStore({ url }) });
      manager.on('waiting', ({ name }) => tell({ kind: 'waiting', name }));
      manager.on('lost', ({ name, cause, fencingToken }) =>
        tell({ kind: 'lost', name, cause, fencingToken }),
      );
      return manager.ready();
    }
    case 'acquire':
      return take(await started().acquire(command.name, command.options));
    case 'tryAcquire': {
      const lease = await started().tryAcquire(command.name, command.options);
      return lease === null ? null : take(lease);
    }
    case 'release':
      return leaseOf(command.leaseId).release();
    case 'extend':
      return leaseOf(command.leaseId).extend(command.leaseMs);
    case 'report':
      return report(leaseOf(command.leaseId));
    case 'block': {
      const endMs = performance.now() + command.ms;
      while (performance.now() < endMs);
      return null;
    }
    case 'close':
      return started().close();
  }
}

function started(): LockManager {
  if (manager === undefined) throw new Error('the lock taker was not started');
  return manager;
}

function leaseOf(id: number): Lease {
  const lease = leases.get(id);
  if (lease === undefined) throw new Error(`the lock taker knows no lease ${id}`);
  return lease;
}

function take(lease: Lease): TakenLease {
  const id = leases.size + 1;
  leases.set(id, lease);
  const { name, fencingToken, waitedMs } = lease;
  lease.signal.addEventListener('abort', () => tell({ kind: 'aborted', name, fencingToken }));
  return { id, name, fencingToken, waitedMs, atMs: Date.now() };
}

function report(lease: Lease): LeaseReport {
  // The state is read first: reading it is what notices that the deadline has passed.
  const { state, fencingToken, signal } = lease;
  const reason: unknown = signal.reason;
  const cause = reason instanceof LockError && reason.code === 'LOCK_LOST' ? reason.cause : null;
  return {
    state,
    fencingToken,
    remainingMs: lease.remainingMs(),
    aborted: signal.aborted,
    cause: cause as LeaseReport['cause'],
  };
}

function portable(error: unknown): Extract<TakerMessage, { error: unknown }>['error'] {
  if (!(error instanceof LockError)) return { message: String(error) };
  const { message, code, cause } = error;
  return code === 'LOCK_LOST' ? { message, code, cause: cause as never } : { message, code };
}

function tell(event: Omit<TakerEvent, 'atMs'>): void {
  send({ event: { ...event, atMs: Date.now() } });
}

function send(message: TakerMessage): void {
  if (process.connected) process.send?.(message);
}
