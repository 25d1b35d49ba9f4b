// Takes one lock in a process of its own, to be killed or frozen while it waits or holds. Prints `asked` when it has asked, `held <token>` when it has the
// lock, and `lost` when it learns that it has lost it.
//
// Arguments: a PostgreSQL URL · prefix · name · leaseMs
import { LockManager } from '../../lib/index.js';
import { postgresStore } from '../../lib/stores/postgres/index.js';

const [url = '', prefix = '', name = '', leaseMs = ''] = process.argv.slice(2);
const locks = new LockManager({ store: postgresStore({ url }), prefix, leaseMs: Number(leaseMs) });
await locks.ready();
const asked = locks.acquire(name, { waitMs: Infinity });
process.stdout.write('asked\n');
const lease = await asked;
lease.signal.addEventListener('abort', () => process.stdout.write('lost\n'));
process.stdout.write(`held ${lease.fencingToken}\n`);
