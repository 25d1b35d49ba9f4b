import { describe, expect, it } from '@jest/globals';
import { SimulatedNetwork } from './simulated-network.js';
import { SimulatedNode } from './simulated-node.js';
import { SimulatedProcess } from './simulated-process.js';
import { Recorder } from './recorder.js';
import { SeededRandom } from './seeded-random.js';
import { SimulatedServer } from './simulated-server.js';
import { VirtualWorld } from './virtual-world.js';

/** What random schedules found in the Redis store, each as its shortest story. */

const SETTINGS = { keepMs: 10_000, drainMs: 1_000, commandMs: 500 };

function openWorld(nodes: number) {
  const random = new SeededRandom('stories');
  const world = new VirtualWorld(() => true);
  const server = new SimulatedServer(world);
  const network = new SimulatedNetwork(world, server, random);
  const place = { recorder: new Recorder(world), settings: SETTINGS };
  const all = Array.from({ length: nodes }, (_, i) => {
    const process = new SimulatedProcess(`p${i}`, world, random.fork(`p${i}`));
    return new SimulatedNode(process, network, place);
  });
  const [holder, waiter, other] = all as [SimulatedNode, SimulatedNode, SimulatedNode];
  return { world, server, network, holder, waiter, other };
}

/** Runs in the turn of its process, lets the world go on until it is settled, and tells how. */
async function inTurn<T>(node: SimulatedNode, work: () => Promise<T>): Promise<T> {
  const { world } = node.process;
  let settled = false;
  const result = new Promise<T>((resolve, reject) => {
    const run = () =>
      void work()
        .then(resolve, reject)
        .finally(() => (settled = true));
    world.after(0, run, { actor: node.process });
  });
  result.catch(() => undefined);
  await world.runUntil(world.nowMs + 60_000, () => settled);
  return result;
}

/** Keeps pushed messages back; returns what lets them go, and those that follow. */
function holdPushes(node: SimulatedNode): () => void {
  const held: (() => void)[] = [];
  const subscriptions = node.connections().filter(({ channels }) => channels.size > 0);
  for (const connection of subscriptions)
    connection.push = (...message) => void held.push(() => connection.push(...message));
  return () => {
    for (const connection of subscriptions) Reflect.deleteProperty(connection, 'push'); // the class's own again
    for (const deliver of held) deliver();
  };
}

describe('a pushed grant', () => {
  it('that comes after its lease has run out and the waiter is queued again is no lease', async () => {
    const { world, holder, waiter, other } = openWorld(3);
    const first = await inTurn(holder, () => holder.locks.acquire('a', { leaseMs: 2_000 }));
    await inTurn(waiter, () => waiter.locks.ready());
    let state = 'waits';
    const waiting = waiter.locks.acquire('a', { leaseMs: 1_500, waitMs: 20_000 });
    void waiting.then((lease) => (state = lease.state));
    await world.runUntil(world.nowMs + 50);
    const letGo = holdPushes(waiter);
    await inTurn(holder, () => first.release());
    await world.runUntil(world.nowMs + 1_600);
    // The waiter's lease ran out unseen, and somebody else took the lock before the waiter asked again.
    const second = await inTurn(other, () => other.locks.acquire('a', { leaseMs: 20_000 }));
    await world.runUntil(world.nowMs + 500); // asked again, when the lease that it was told of would have run out: queued
    letGo();
    await world.runUntil(world.nowMs + 50);
    expect({ state, second: second.state }).toEqual({ state: 'waits', second: 'held' });
    await inTurn(other, () => second.release());
    const lease = await inTurn(waiter, () => waiting);
    expect(lease.fencingToken).toBe(second.fencingToken + 1);
  });

  it('that comes while its process closes, and could not unsubscribe, goes back and throws nothing', async () => {
    const { world, server, holder, waiter } = openWorld(2);
    await inTurn(waiter, () => waiter.locks.ready());
    const lease = await inTurn(holder, () => holder.locks.acquire('a', { leaseMs: 20_000 }));
    const gone = new AbortController();
    const waiting = waiter.locks.acquire('a', { signal: gone.signal });
    waiting.catch(() => undefined);
    await world.runUntil(world.nowMs + 50);
    const letGo = holdPushes(waiter);
    await inTurn(holder, () => lease.release());
    // No request of the waiter's process gets through any more, so it can neither unsubscribe nor end its closing at once.
    server.freeze(700);
    void waiter.close();
    await world.runUntil(world.nowMs + 550);
    letGo();
    await world.runUntil(world.nowMs + 10_000);
    expect(server.data.keys().filter((key) => server.data.dump(key)?.startsWith('string h'))).toEqual([]);
  });
});

describe('closing', () => {
  it('leaves no timer that keeps the process alive, even when a request never gets its answer', async () => {
    const { world, network, waiter } = openWorld(2);
    await inTurn(waiter, () => waiter.locks.ready());
    network.weatherOf(waiter.process).blackHoleUntilMs = world.nowMs + 60_000;
    waiter.locks.acquire('a', { waitMs: 0 }).catch(() => undefined);
    await world.runUntil(world.nowMs + 100);
    const closing = waiter.close();
    await world.runUntil(world.nowMs + 60_000, () => waiter.closedAtMs !== undefined);
    await closing;
    expect([...waiter.process.timers.values()].filter((background) => !background)).toEqual([]);
  });
});
