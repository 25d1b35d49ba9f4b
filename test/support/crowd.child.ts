import { Redis } from 'ioredis';
import { LockManager, redisStore } from '../../lib/index.js';

/** A hundred waits that run out together, then a hundred calls that find the connection gone. Prints what came of it. */
const url = process.argv[2] ?? '';
const open = () => new LockManager({ store: redisStore({ url, commandMs: 500 }), drainMs: 0 });
const [holder, crowd, raw] = [open(), open(), new Redis(url)];
await Promise.all([holder.ready(), crowd.ready()]);
const names = Array.from({ length: 100 }, (_, i) => `job:${i}`);
await Promise.all(names.map((name) => holder.acquire(name)));
const waits = await Promise.allSettled(names.map((name) => crowd.acquire(name, { waitMs: 200 })));
await raw.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
const asked = await Promise.allSettled(names.map((name) => crowd.tryAcquire(`new:${name}`)));
const count = (outcomes: PromiseSettledResult<unknown>[], status: string) =>
  outcomes.filter((outcome) => outcome.status === status).length;
console.log(`${count(waits, 'rejected')} gave up, ${count(asked, 'fulfilled')} acquired`);
raw.disconnect();
await Promise.all([holder.close(), crowd.close()]);
