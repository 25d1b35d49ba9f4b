import type { Fault } from './fault-plan.js';
import type { Recorder } from './recorder.js';
import type { SimulatedNetwork, Weather } from './simulated-network.js';
import type { SimulatedProcess } from './simulated-process.js';
import type { SimulatedServer } from './simulated-server.js';
import type { VirtualWorld } from './virtual-world.js';

export interface Stage {
  readonly world: VirtualWorld;
  readonly network: SimulatedNetwork;
  readonly server: SimulatedServer;
  readonly recorder: Recorder;
  readonly processes: readonly SimulatedProcess[];
  /** Connections of a process are gone with it. */
  readonly connectionsOf: (
    process: SimulatedProcess,
  ) => readonly { cut(): void; abandon(): void; strand(): void }[];
}

/** Lets a planned fault happen, and end. */
export function inject(stage: Stage, fault: Fault): void {
  const { world, processes } = stage;
  const process = processes[fault.process];
  if (process === undefined) throw new Error(`there is no process ${fault.process}`);
  const strike = () => {
    // Its last turn is ahead of the world: whatever it did there has happened already.
    if (process.busyUntilMs > world.nowMs) world.at(process.busyUntilMs, strike);
    else if (process.alive) EFFECTS[fault.kind]({ ...stage, fault, process });
  };
  world.at(fault.atMs, strike);
}

/** By how much these faults set the store's clock back. Ends of keys lie on that clock: it takes so much longer to get there. */
export function clockBackMs(faults: readonly Fault[]): number {
  return faults.reduce(
    (sum, { kind, amount }) => (kind === 'storeClockBack' ? sum + amount * 10_000 : sum),
    0,
  );
}

interface Scene extends Stage {
  readonly fault: Fault;
  readonly process: SimulatedProcess;
}

type Effect = (scene: Scene) => void;

function message(field: Exclude<keyof Weather, 'blackHoleUntilMs' | 'delayMs'>, likely: number): Effect {
  return ({ network, world, process, fault }) => {
    const weather = network.weatherOf(process);
    weather[field] = fault.amount * likely;
    weather.delayMs = 50 + fault.amount * 2_500;
    world.after(fault.forMs, () => (weather[field] = 0));
  };
}

const EFFECTS: Readonly<Record<Fault['kind'], Effect>> = {
  dropRequest: message('dropRequest', 0.5),
  dropReply: message('dropReply', 0.5),
  swallowReply: message('swallowReply', 0.3),
  duplicate: message('duplicate', 1),
  reorder: message('reorder', 0.4),
  delay: message('delay', 1),
  losePush: message('losePush', 1),
  blackHole: ({ network, world, process, fault }) => {
    network.weatherOf(process).blackHoleUntilMs = world.nowMs + fault.forMs;
  },
  cut: ({ connectionsOf, process }) => {
    for (const connection of connectionsOf(process)) connection.cut();
  },
  freeze: (scene) => stop(scene, () => scene.process.freeze(scene.fault.forMs)),
  sleep: (scene) => {
    // Half asleep counts as awake: lib/holding/lease.ts doubts a lease from 200 ms on.
    const forMs = 250 + scene.fault.forMs;
    stop({ ...scene, fault: { ...scene.fault, forMs } }, () => scene.process.sleep(forMs));
  },
  crash: ({ connectionsOf, process, recorder, fault }) => {
    process.alive = false;
    recorder.observe({ f: 'process', type: 'crash', of: process.id });
    // A process that dies takes its sockets with it; a machine that dies says nothing to anybody.
    for (const connection of connectionsOf(process))
      if (fault.amount < 0.6) connection.cut();
      else connection.abandon();
  },
  wallStep: ({ process, fault }) => process.stepWall((fault.amount - 0.5) * 20_000),
  slowLoop: ({ world, process, fault }) => {
    process.slow = true;
    world.after(fault.forMs, () => (process.slow = false));
  },
  storeFreeze: ({ server, fault }) => server.freeze(fault.forMs),
  storeRestart: (scene) => restart(scene, false),
  storeDataLoss: (scene) => {
    if (scene.fault.amount < 0.5) scene.server.data.wipe();
    else restart(scene, true);
  },
  storeClockForward: ({ server, fault }) => server.stepClock(fault.amount * 20_000),
  storeClockBack: ({ server, fault }) => server.stepClock(-clockBackMs([fault])),
  storeRefusal: ({ server, world, fault }) => {
    server.refusal = fault.refusal;
    world.after(fault.forMs, () => (server.refusal = undefined));
  },
  astray: ({ connectionsOf, process, server }) => {
    for (const connection of connectionsOf(process)) connection.strand();
    server.coverage.strayListeners += server.elsewhere.size;
  },
  scriptFlush: ({ server }) => server.forgetScripts(),
};

function stop({ process, recorder, world, fault }: Scene, how: () => void): void {
  if (process.blockedUntilMs > world.nowMs + 100) return; // one stop at a time, so that pauses in the history do not nest
  how();
  recorder.observe({ f: 'process', type: 'pause', of: process.id });
  world.after(fault.forMs, () => recorder.observe({ f: 'process', type: 'resume', of: process.id }));
}

function restart({ server, network, world, fault }: Scene, losesData: boolean): void {
  server.down = true;
  server.forgetScripts();
  for (const connection of Array.from(network.connections)) connection.cut(); // a copy: cutting takes them out
  world.after(fault.forMs, () => {
    if (losesData) server.data.wipe();
    server.down = false;
  });
}

/** Everything that still goes on ends now. */
export function heal({ network, server, processes, world, recorder }: Stage): void {
  for (const process of processes) {
    Object.assign(network.weatherOf(process), {
      dropRequest: 0,
      dropReply: 0,
      swallowReply: 0,
      duplicate: 0,
      reorder: 0,
      delay: 0,
      losePush: 0,
      blackHoleUntilMs: Math.min(network.weatherOf(process).blackHoleUntilMs, world.nowMs),
    });
    process.slow = false;
  }
  server.refusal = undefined;
  recorder.observe({ f: 'healed' });
}
