// Starts, and takes a lock with a lease longer than any before: nothing but the store keeps this process alive meanwhile. Argument: a PostgreSQL URL
import { LockManager } from '../../lib/index.js';
import { postgresStore } from '../../lib/stores/postgres/index.js';

const [url = ''] = process.argv.slice(2);
const locks = new LockManager({ store: postgresStore({ url }) });
await locks.ready();
process.stdout.write('ready\n');
const lease = await locks.acquire('started', { leaseMs: 120_000 });
process.stdout.write('held\n');
await lease.release();
await locks.close();
