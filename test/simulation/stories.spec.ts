import { describe, expect, it } from '@jest/globals';
import { SimulatedNetwork } from './simulated-network.js';
import { SimulatedNode } from './simulated-node.js';
import { SimulatedProcess } from './simulated-process.js';
import { Recorder } from './recorder.js';
import { SeededRandom } from './seeded-random.js';
import { SimulatedServer } from './simulated-server.js';
import { VirtualWorld } from './virtual-world.js';

/** What random schedules found in the Redis store, each as its shortest story. */

const SETTINGS = {
  keepMs: 10_000,
  drainMs: 1_000,
  commandMs: 500,
  cohortMs: 10,
  maxWaiters: 1_000,
  maxWaitingProcesses: 10_000,
};

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

/** Begins in a turn of its process, as soon as the world goes on. */
function begin<T>(node: SimulatedNode, work: () => Promise<T>): Promise<T> {
  const result = new Promise<T>((resolve, reject) => {
    node.process.world.after(0, () => void work().then(resolve, reject), { actor: node.process });
  });
  result.catch(() => undefined);
  return result;
}

/** Lets the world go on until it is settled. */
async function settled<T>(node: SimulatedNode, result: Promise<T>): Promise<T> {
  const { world } = node.process;
  let isSettled = false;
  void result.catch(() => undefined).finally(() => (isSettled = true));
  await world.runUntil(world.nowMs + 60_000, () => isSettled);
  return result;
}

function inTurn<T>(node: SimulatedNode, work: () => Promise<T>): Promise<T> {
  return settled(node, begin(node, work));
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
    const waiting = begin(waiter, () => waiter.locks.acquire('a', { leaseMs: 1_500, waitMs: 20_000 }));
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
    const lease = await settled(waiter, waiting);
    expect(lease.fencingToken).toBeGreaterThan(second.fencingToken);
  });

  it('is not dated later than it was because the server’s clock was set forward meanwhile', async () => {
    const { world, server, holder, waiter } = openWorld(2);
    const first = await inTurn(holder, () => holder.locks.acquire('a', { leaseMs: 60_000 }));
    await inTurn(waiter, () => waiter.locks.ready());
    const waiting = begin(waiter, () => waiter.locks.acquire('a', { leaseMs: 1_500, waitMs: 20_000 }));
    await world.runUntil(world.nowMs + 50);
    const letGo = holdPushes(waiter);
    server.stepClock(20_000);
    await inTurn(holder, () => first.release());
    const pushed = Number(server.data.dump('sim:{a}')?.slice('string h'.length, 'string h'.length + 16));
    await world.runUntil(world.nowMs + 2_000); // the lease of the grant has run out unseen
    letGo();
    const lease = await settled(waiter, waiting);
    expect(pushed).toBeGreaterThan(first.fencingToken);
    expect(lease.fencingToken).toBeGreaterThan(pushed); // a new grant, not the one that was pushed
  });

  it('that comes while its process closes, and could not unsubscribe, goes back and throws nothing', async () => {
    const { world, server, holder, waiter } = openWorld(2);
    await inTurn(waiter, () => waiter.locks.ready());
    const lease = await inTurn(holder, () => holder.locks.acquire('a', { leaseMs: 20_000 }));
    void begin(waiter, () => waiter.locks.acquire('a'));
    await world.runUntil(world.nowMs + 50);
    const letGo = holdPushes(waiter);
    await inTurn(holder, () => lease.release());
    // No request of the waiter's process gets through any more, so it can neither unsubscribe nor end its closing at once.
    server.freeze(700);
    void begin(waiter, () => waiter.close());
    await world.runUntil(world.nowMs + 550);
    letGo();
    await world.runUntil(world.nowMs + 10_000);
    expect(world.thrown).toEqual([]);
    expect(server.data.keys().filter((key) => server.data.dump(key)?.startsWith('string h'))).toEqual([]);
  });
});

describe('a process that yields', () => {
  it('gets its place again, however full the queue is for newcomers', async () => {
    const { world, holder, waiter, other } = openWorld(3);
    const options = { leaseMs: 20_000, waitMs: 20_000, maxWaitingProcesses: 1 };
    const first = await inTurn(holder, () => holder.locks.acquire('a', options));
    let servedAtMs = Infinity;
    const next = begin(holder, () => holder.locks.acquire('a', options)); // waits in the process
    void next.then(() => (servedAtMs = world.nowMs));
    const others = [waiter, other].map((node) =>
      begin(node, () => node.locks.acquire('a', { waitMs: 20_000 })),
    );
    await world.runUntil(world.nowMs + 100); // both are queued, and the slice is over
    await inTurn(holder, () => first.release());
    for (const [index, node] of [waiter, other].entries()) {
      const lease = await settled(node, others[index]!);
      await inTurn(node, () => lease.release());
    }
    const freeAtMs = world.nowMs;
    await settled(holder, next);
    expect(servedAtMs).toBeLessThan(freeAtMs + 100);
  });

  it('and is refused when it asks again after a lost reply leaves no place behind', async () => {
    const { world, server, holder, waiter } = openWorld(2);
    await inTurn(holder, async () => (await holder.locks.acquire('b')).release()); // the server knows the script
    const first = await inTurn(holder, () => holder.locks.acquire('a', { leaseMs: 20_000 }));
    const next = begin(holder, () => holder.locks.acquire('a', { leaseMs: 20_000 }));
    void begin(waiter, () => waiter.locks.acquire('a', { leaseMs: 100, renew: false }));
    await world.runUntil(world.nowMs + 100); // it is queued, and the slice is over
    const grants: string[] = [];
    for (const connection of holder.connections()) {
      const reply = connection.reply.bind(connection);
      connection.push = (_channel, message) => void grants.push(message);
      // Yielded, but nobody hears of it until the lease of the next one has run out.
      connection.reply = (answer) => {
        if ('error' in answer) {
          reply(answer); // the script is not known yet
          return;
        }
        connection.cut();
        server.down = true;
        world.after(200, () => (server.down = false));
      };
    }
    void begin(holder, () => first.release());
    const lease = await settled(holder, next);
    expect({ state: lease.state, grants }).toEqual({ state: 'held', grants: [] });
  });
});

describe('closing', () => {
  /** Ready, with nothing of its own on the way; requests that it sends are lost without a word. */
  async function openMuted() {
    const { world, server, holder, waiter } = openWorld(2);
    await inTurn(waiter, () => waiter.locks.ready());
    const commands = waiter.connections().find(({ channels }) => channels.size === 0);
    return { world, server, holder, waiter, commands };
  }

  it('leaves no timer that keeps the process alive, even when a request never gets its answer', async () => {
    const { waiter, commands } = await openMuted();
    if (commands !== undefined) commands.send = () => undefined;
    void begin(waiter, () => waiter.locks.inspect('a'));
    await inTurn(waiter, () => waiter.close());
    expect([...waiter.process.timers.values()].filter((background) => !background)).toEqual([]);
  });

  it('leaves no lock behind that was granted while it closed', async () => {
    const { world, server, waiter, commands } = await openMuted();
    if (commands !== undefined) {
      const reply = commands.reply.bind(commands);
      commands.reply = (answer) => void world.after(100, () => reply(answer));
    }
    const trying = begin(waiter, () => waiter.locks.tryAcquire('a', { leaseMs: 60_000 }));
    await world.runUntil(world.nowMs + 20);
    const closing = begin(waiter, () => waiter.close());
    await expect(settled(waiter, trying)).rejects.toMatchObject({ code: 'LOCK_CLOSED' });
    await settled(waiter, closing);
    await world.runUntil(world.nowMs + 10);
    expect(server.data.keys().map((key) => server.data.dump(key)?.slice(0, 8))).toEqual(['string f']);
  });
});
