// Takes and gives back locks many times, with cancelled, timed-out and lost ones among them, closes, reports as one line of JSON, and
// must then end by itself: nothing here calls process.exit. Run with --expose-gc.
//
// Arguments: memory | a Redis URL · how many cycles
import { getEventListeners } from 'node:events';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { deserialize, serialize } from 'node:v8';
import { type Lease, LockManager, memoryStore, redisStore } from '../../lib/index.js';
import { type Growth, growth, type HeapContents, heapContents } from './heap-contents.js';

export interface LeakReport {
  /** So many, after others had made everything warm. */
  readonly cycles: number;
  /** What was more on the heap after them than before. */
  readonly grown: Growth;
  /** On a signal that all calls shared, while none was under way. */
  readonly listenersOnSignal: number;
  /** Kinds of resources that were open before any manager was, and after all were closed. */
  readonly resourcesBefore: string[];
  readonly resourcesAfter: string[];
  readonly lostSignals: number;
}

/** What ends in the background, an undo and the one after it, is over by then. */
const QUIET_MS = 1_500;
/** The traces of clean releases (keepMs) are swept by then; else a pause before one of the two counts would look like growth. */
const FORGOTTEN_MS = 500;
const AT_ONCE = 50;

const [where = 'memory', howMany = '1000'] = process.argv.slice(2);
const all = Number(howMany);
const resourcesBefore = resources();
const locks = open();
const rival = where === 'memory' ? locks : open(); // a memory store shares nothing with another one
const shared = new AbortController();
let lostSignals = 0;

await heapAfter(all / 5); // all is compiled and warm, the counting too
const before = serialize(await heapAfter(all / 5)); // else it would be on the heap itself
const cycles = (all * 3) / 5;
const after = await heapAfter(cycles);
const grown = growth(deserialize(before) as HeapContents, after);
const listenersOnSignal = getEventListeners(shared.signal, 'abort').length;
await Promise.all([locks.close(), rival.close()]);
const resourcesAfter = await settled();
const report: LeakReport = { cycles, grown, listenersOnSignal, resourcesBefore, resourcesAfter, lostSignals };
console.log(JSON.stringify(report));

function open(): LockManager {
  const store = where === 'memory' ? memoryStore() : redisStore({ url: where });
  const manager = new LockManager({ store, keepMs: 100, drainMs: 0, leaseMs: 5_000 });
  manager.on('warning', () => undefined);
  return manager;
}

/** Of fifty: most run through, some are cancelled while they wait, find it busy, run out of patience, or are ended by force. */
async function cycle(index: number): Promise<void> {
  const name = `name:${index % 25}`; // two callers for each name: half of them wait
  const { signal } = shared;
  if (index === 0) return cancelled();
  if (index === 1) return impatient();
  if (index === 2) return forced();
  if (index === 3) return tried();
  const lease = await locks.acquire(name, { signal });
  void lease.signal; // makes its controller
  await lease.release();
}

async function cancelled(): Promise<void> {
  const lease = await rival.acquire('cancelled');
  const leaving = new AbortController();
  const waiting = locks.acquire('cancelled', { signal: leaving.signal }).catch(() => undefined);
  await turn();
  leaving.abort();
  await waiting;
  await lease.release();
}

async function impatient(): Promise<void> {
  const lease = await rival.acquire('impatient');
  await locks.acquire('impatient', { waitMs: 1, signal: shared.signal }).catch(() => undefined);
  await lease.release();
}

async function tried(): Promise<void> {
  const lease = await locks.tryAcquire('tried', { signal: shared.signal });
  await locks.tryAcquire('tried', { signal: shared.signal });
  await lease?.release();
}

async function forced(): Promise<void> {
  const lease = await locks.acquire('forced', { signal: shared.signal });
  const lost = once(lease);
  await rival.forceRelease('forced', 'leak test');
  await lost;
}

function once(lease: Lease): Promise<void> {
  return new Promise((resolve) => {
    lease.signal.addEventListener('abort', () => {
      lostSignals += 1;
      resolve();
    });
  });
}

async function heapAfter(count: number): Promise<HeapContents> {
  for (let done = 0; done < count; done += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, (_, index) => cycle(index)));
  }
  await sleep(where === 'memory' ? FORGOTTEN_MS : QUIET_MS);
  return heapContents();
}

function resources(): string[] {
  return process.getActiveResourcesInfo().filter((kind) => !/^(TTY|Pipe|FS)/.test(kind));
}

/** A socket that was ended is gone a turn later. */
async function settled(): Promise<string[]> {
  for (let i = 0; i < 1_000 && resources().length > resourcesBefore.length; i++) await turn();
  return resources();
}
