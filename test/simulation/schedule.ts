import type { Violation } from '../support/history/check-history.js';
import { Caller } from './caller.js';
import type { Coverage } from './coverage.js';
import { type Fault, type FaultKind, planAstray, planFaults } from './fault-plan.js';
import { FencedResource } from './fenced-resource.js';
import { clockBackMs, heal, inject, type Stage } from './injector.js';
import { Leftovers } from './leftovers.js';
import { Recorder } from './recorder.js';
import type { Scripts } from './scripted-scripts.js';
import { SeededRandom } from './seeded-random.js';
import { type Shape, shapeOf } from './shape.js';
import { SimulatedNetwork } from './simulated-network.js';
import { SimulatedNode } from './simulated-node.js';
import { SimulatedProcess } from './simulated-process.js';
import { SimulatedServer } from './simulated-server.js';
import { FIRST_LEASE_MS, has, judge, type Verdict } from './verdict.js';
import { VirtualWorld } from './virtual-world.js';

export interface ScheduleOptions {
  readonly seed: number;
  /** Faults of the plan to be left out, by their index: how a failure is made smaller. */
  readonly without?: ReadonlySet<number>;
  /** Of the server: those with a seeded bug. */
  readonly scripts?: Scripts;
}

export interface ScheduleResult extends Verdict {
  readonly seed: number;
  /** Without those that were left out. */
  readonly faults: readonly Fault[];
  /** Those that were left out count too. */
  readonly planned: number;
  readonly history: ReturnType<Recorder['history']>;
  readonly turns: number;
  readonly coverage: Coverage;
  /** Equal for two runs in which the same happened. */
  fingerprint(): string;
}

const HORIZON_MS = 6_000;
/** In virtual time; a schedule that is not through by then is stuck. */
const PATIENCE_MS = 180_000;
/** acquire.lua keeps a queue that nobody polls for so long. */
const DEAD_QUEUE_MS = 90_000;
/** After closing, a lock is given back as soon as a release has got through. */
const GIVEN_BACK_MS = 1_000;
/** A stray request may come so late (simulated-network.ts), and an undo later still. */
const STRAGGLERS_MS = 5_000;
/** Polls, retries and repetitions of one request within a tenth of a second; more would be a loop that only the network slows down. */
const MOST_REPEATS = 15;

/** Faults that may keep a process from the store for longer than it tries to leave a queue, or let a request come after that. */
const OUTAGES: readonly FaultKind[] = [
  'storeFreeze',
  'storeRestart',
  'storeRefusal',
  'storeDataLoss',
  'blackHole',
  'dropRequest',
  'dropReply',
  'reorder',
  'delay',
];

/** Runs one schedule: a few processes, what goes wrong, then nothing goes wrong and everybody must get on, then everybody leaves. */
export async function runSchedule(options: ScheduleOptions): Promise<ScheduleResult> {
  const schedule = new Schedule(options);
  await schedule.play();
  return schedule.result();
}

class Schedule {
  readonly #random: SeededRandom;
  readonly #world: VirtualWorld;
  readonly #recorder: Recorder;
  readonly #server: SimulatedServer;
  readonly #resource: FencedResource;
  readonly #nodes: SimulatedNode[];
  readonly #callers: Caller[];
  readonly #planned: number;
  readonly #faults: readonly Fault[];
  readonly #stage: Stage;
  readonly #shape: Shape;
  #healedAtMs = Infinity;

  constructor(private readonly options: ScheduleOptions) {
    const random = (this.#random = new SeededRandom(String(options.seed)));
    const orders = random.fork('order');
    this.#world = new VirtualWorld(() => orders.chance(0.5));
    this.#recorder = new Recorder(this.#world);
    this.#server = new SimulatedServer(this.#world, this.#recorder.coverage, options.scripts);
    this.#recorder.slices.serverUs = (atMs) => this.#server.clockUs(atMs);
    this.#resource = new FencedResource(this.#world, this.#recorder, random.fork('resource'));
    this.#shape = shapeOf(random.fork('shape'));
    const network = new SimulatedNetwork(this.#world, this.#server, random.fork('network'));
    this.#nodes = this.#shape.callersOf.map((_, i) => {
      const process = new SimulatedProcess(`p${i}`, this.#world, random.fork(`process ${i}`));
      return new SimulatedNode(process, network, { recorder: this.#recorder, settings: this.#shape });
    });
    this.#callers = this.#nodes.flatMap((node, i) => this.#callersAt(node, this.#shape.callersOf[i] ?? 0));
    const plan = [
      ...planFaults(random.fork('faults'), this.#nodes.length, HORIZON_MS),
      ...planAstray(random.fork('astray'), this.#nodes.length, HORIZON_MS),
    ];
    this.#planned = plan.length;
    this.#faults = plan.filter((_, index) => options.without?.has(index) !== true);
    const byProcess = new Map(this.#nodes.map((node) => [node.process, node]));
    this.#stage = {
      world: this.#world,
      network,
      server: this.#server,
      recorder: this.#recorder,
      processes: this.#nodes.map(({ process }) => process),
      connectionsOf: (process) => byProcess.get(process)?.connections() ?? [],
    };
  }

  async play(): Promise<void> {
    const random = this.#random.fork('play');
    for (const fault of this.#faults) inject(this.#stage, fault);
    for (const caller of this.#callers) {
      const rounds = random.integer(1, 5) * (this.#shape.hurried ? 3 : 1);
      const { process } = this.#nodeOf(caller);
      this.#world.after(random.between(0, 200), () => void caller.work(rounds), { actor: process });
    }
    for (const node of this.#nodes)
      if (random.chance(0.08)) this.#closeAt(node, random.between(0, HORIZON_MS));
    const healMs = Math.max(0, ...this.#faults.map(({ atMs, forMs }) => atMs + forMs + 260));
    await this.#world.runUntil(healMs);
    heal(this.#stage);
    this.#healedAtMs = this.#world.nowMs;
    // Some leave in fair weather, in the middle of their work: then there is no excuse for leaving anything behind.
    for (const node of this.#nodes)
      if (random.chance(0.1)) this.#closeAt(node, this.#world.nowMs + random.between(0, 2_000));
    await this.#world.runUntil(PATIENCE_MS, () => this.#stuck().length === 0);
    for (const node of this.#nodes) this.#closeAt(node, this.#world.nowMs);
    await this.#world.runUntil(PATIENCE_MS * 2, () => this.#open().length === 0);
    await this.#lookForLeftovers();
  }

  result(): ScheduleResult {
    const { leases, forceful, layered } = this.#shape;
    const joint = layered || this.#shape.joint;
    const conditions = { faults: this.#faults, longestLeaseMs: Math.max(...leases), forceful, joint };
    const verdict = judge(this.#recorder, conditions);
    verdict.violations.push(...this.#unfinished());
    return {
      ...verdict,
      seed: this.options.seed,
      faults: this.#faults,
      planned: this.#planned,
      history: this.#recorder.history(),
      turns: this.#world.turns,
      coverage: this.#recorder.coverage,
      fingerprint: () => this.#recorder.fingerprint(),
    };
  }

  #callersAt(node: SimulatedNode, count: number): Caller[] {
    const place = { ...this.#shape, node, recorder: this.#recorder, resource: this.#resource };
    return Array.from({ length: count }, (_, i) => {
      const id = `${node.process.id}.${i}`;
      return new Caller(id, place, this.#random.fork(`caller ${id}`));
    });
  }

  #nodeOf(caller: Caller): SimulatedNode {
    const node = this.#nodes.find(({ process }) => caller.id.startsWith(`${process.id}.`));
    if (node === undefined) throw new Error(`caller ${caller.id} has no process`);
    return node;
  }

  #closeAt(node: SimulatedNode, atMs: number): void {
    this.#world.at(atMs, () => void node.close(), { actor: node.process });
  }

  #stuck(): Caller[] {
    return this.#callers.filter((caller) => !caller.done && this.#nodeOf(caller).process.alive);
  }

  #open(): SimulatedNode[] {
    return this.#nodes.filter(({ process, closedAtMs }) => process.alive && closedAtMs === undefined);
  }

  /** L2, with nobody left to clean up: first what clean closing must have removed, then what runs out by itself. */
  async #lookForLeftovers(): Promise<void> {
    const { leases, keepMs } = this.#shape;
    const longestMs = Math.max(...leases, FIRST_LEASE_MS);
    const backMs = clockBackMs(this.#faults);
    await this.#world.runUntil(this.#world.nowMs + GIVEN_BACK_MS);
    const { ownerOf } = this.#recorder;
    const closedWell = (process: SimulatedProcess | undefined) => this.#closedWell(process);
    const leftovers = new Leftovers({ data: this.#server.data, ownerOf, closedWell });
    this.#recorder.observe({ f: 'keys', left: leftovers.held() });
    await this.#world.runUntil(this.#world.nowMs + longestMs + keepMs + STRAGGLERS_MS + backMs);
    this.#resource.tell();
    this.#recorder.observe({ f: 'keys', left: leftovers.withoutDeadQueues() });
    await this.#world.runUntil(this.#world.nowMs + DEAD_QUEUE_MS);
    this.#recorder.observe({ f: 'keys', left: leftovers.keys() });
  }

  /** The dead leave their places behind, and so do those who cannot reach the store for as long as they try. */
  #closedWell(process: SimulatedProcess | undefined): boolean {
    if (has(this.#faults, ...OUTAGES)) return false;
    // What could not be given back runs out by itself, and the store's clock says when.
    if (has(this.#faults, 'swallowReply') && has(this.#faults, 'storeClockBack')) return false;
    const node = this.#nodes.find((candidate) => candidate.process === process);
    return node === undefined || (node.process.alive && node.closingAtMs >= this.#healedAtMs);
  }

  #slips(): Violation[] {
    // A slice is measured on a clock that stands still while the machine sleeps; tokens follow a clock that may be set back.
    const unjudged = { F1: 'sleep', M2: 'storeClockBack' } as const;
    const { slips } = this.#recorder.slices;
    return slips.filter(({ rule }) => !has(this.#faults, unjudged[rule]));
  }

  /** Tokens follow the store's clock, and what it remembers. */
  #layerSlips(): Violation[] {
    return has(this.#faults, 'storeClockBack', 'storeDataLoss') ? [] : this.#recorder.layers.slips;
  }

  #rush(): string[] {
    const { times, bytes } = this.#stage.network.busiest;
    return times > MOST_REPEATS ? [`the same was sent ${times} times within 100 ms: ${bytes}`] : [];
  }

  #unfinished(): Violation[] {
    const atMs = this.#world.nowMs;
    const said = (rule: 'L1' | 'R1', message: string) => ({ rule, atMs, message });
    return [
      ...this.#world.thrown.map((error) => said('R1', `thrown from a timer or a socket: ${String(error)}`)),
      ...this.#stuck().map(({ id }) => said('L1', `caller ${id} never came to its end`)),
      ...this.#slips(),
      ...this.#recorder.joint.slips,
      ...this.#recorder.siblings,
      ...this.#layerSlips(),
      ...this.#rush().map((message) => said('R1', message)),
      ...this.#open().map(({ process }) => said('R1', `${process.id} never closed`)),
    ];
  }
}
