import type { ScriptReply } from '../../../lib/stores/redis/redis-link.js';
import { type Call, wordsFor } from '../gate/gate-words.js';
import type { Mode } from '../gate/words.js';
import { SCRIPTED, type Scripts } from '../scripted-scripts.js';
import { ScriptedServer, type ServerPlace } from '../scripted-server.js';
import { checkGate, checkTokens, lookAtGate, type Tokens } from './gate-laws.js';
import { Violation } from './laws.js';

/** What one client does with the name, one after the other. */
export type Act = 'ask' | 'upgrade' | 'giveUp' | 'downgrade' | 'release';

export interface Party {
  readonly mode: Mode;
  readonly weight?: number;
  readonly acts: readonly Act[];
}

export interface GateCase {
  readonly parties: readonly Party[];
  readonly limit?: number;
  /** How often a lease's time may pass, a command be executed once more, and a waiter leave. */
  readonly ticks?: number;
  readonly repeats?: number;
  readonly cancels?: number;
  /** The server does not count those who listen: who waits is not pushed to. */
  readonly deaf?: boolean;
}

const KEY = 'lock:{a}';
const words = wordsFor(KEY);
const START_US = 1_795_132_800_000_000;
const LEASE_MS = 5_000;
/** Leases have just ended; their records are still there. */
const TICK_US = (LEASE_MS + 1) * 1_000;
const SCRIPT_US = 1_000;

interface Client extends Party {
  readonly token: string;
  readonly done: number;
  /** What it was told of its hold. */
  readonly fence: number;
  readonly lineage: number;
  readonly last: Call | undefined;
}

interface World {
  readonly server: ScriptedServer;
  readonly nowUs: number;
  readonly clients: readonly Client[];
  readonly tokens: Tokens;
  readonly ticks: number;
  readonly repeats: number;
  readonly cancels: number;
}

/** How many states were seen, and what was wrong in which sequence of steps; undefined: nothing. */
export interface Interleavings {
  readonly states: number;
  readonly ends: number;
  readonly violation: { readonly law: string; readonly story: readonly string[] } | undefined;
}

/** Every order in which the clients of a small case can do what they do: each step executes the mirrored scripts, each state is judged. */
export class GateExplorer {
  #states = 0;
  #ends = 0;
  /** The server's clock and its listeners, in the world that is being made. */
  #nowUs = START_US;
  readonly #place: ServerPlace;

  constructor(
    private readonly it: GateCase,
    private readonly scripts: Scripts = SCRIPTED,
  ) {
    this.#place = {
      nowUs: () => this.#nowUs,
      listeners: () => (it.deaf === true ? -1 : 1),
      publish: () => undefined,
    };
  }

  explore(): Interleavings {
    const story: string[] = [];
    const { ticks = 0, repeats = 0, cancels = 0, parties } = this.it;
    const nothing = { done: 0, fence: 0, lineage: 0, last: undefined };
    const start: World = {
      server: new ScriptedServer(this.#place, this.scripts),
      nowUs: START_US,
      clients: parties.map((party, i) => ({ ...party, ...nothing, token: `token-${i}`.padEnd(22, '-') })),
      tokens: { ofAll: 0, ofWriters: 0 },
      ticks,
      repeats,
      cancels,
    };
    try {
      this.#from(start, story);
      return { states: this.#states, ends: this.#ends, violation: undefined };
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      return { states: this.#states, ends: this.#ends, violation: { law: error.message, story } };
    }
  }

  #from(world: World, story: string[]): void {
    this.#states += 1;
    const moves = this.#moves(world);
    for (const [name, make] of moves) {
      story.push(name);
      this.#from(make(), story);
      story.pop();
    }
    if (moves.length > 0) return;
    this.#ends += 1;
    if (world.clients.some(({ acts, done }) => done < acts.length))
      throw new Violation('nobody waits for ever');
    const { holders, waiting } = this.#look(world);
    if (holders.length + waiting.length > 0) throw new Violation('nothing is left behind');
  }

  #look({ server, nowUs }: Pick<World, 'server' | 'nowUs'>) {
    this.#nowUs = nowUs;
    return lookAtGate(server, KEY);
  }

  #moves(world: World): [string, () => World][] {
    const { ticks, repeats, cancels } = world;
    const view = this.#look(world);
    const moves: [string, () => World][] = [];
    for (const [i, client] of world.clients.entries()) {
      const act = client.acts[client.done];
      const name = `${client.mode}${i}`;
      const isQueued = view.waiting.some(({ token }) => token === client.token);
      if (act === undefined) continue;
      if (!isQueued || act === 'giveUp') moves.push([`${name} ${act}`, () => this.#act(world, i, act)]);
      else if (cancels > 0 && act !== 'upgrade')
        moves.push([`${name} leaves`, () => ({ ...this.#leave(world, i), cancels: cancels - 1 })]);
      if (repeats > 0 && client.last !== undefined)
        moves.push([`${name} again`, () => ({ ...this.#again(world, client.last!), repeats: repeats - 1 })]);
    }
    if (ticks > 0 && view.holders.length > 0)
      moves.push(['tick', () => ({ ...world, nowUs: world.nowUs + TICK_US, ticks: ticks - 1 })]);
    // All others wait for one whose lease has run out: then somebody polls.
    if (moves.length === 0 && view.waiting.length > 0) {
      const i = world.clients.findIndex(({ token }) => token === view.waiting[0]!.token);
      if (view.isStale || view.holders.length === 0)
        moves.push([`${i} polls`, () => this.#act({ ...world }, i, 'ask')]);
    }
    return moves;
  }

  #act(world: World, i: number, act: Act): World {
    const client = world.clients[i]!;
    const { mode, weight = 1, token, lineage } = client;
    const used = client.fence;
    const kind = { token, mode, weight, tail: 'lock:c:~one|', leaseMs: LEASE_MS };
    const asked = { ...kind, limit: this.it.limit ?? 0, waits: true, ticket: 0, most: 10 };
    const ending = { ...kind, fence: used, used, lineage, queued: true };
    const calls: Record<Act, readonly Call[]> = {
      ask:
        mode === 'x'
          ? [words.acquirePlainly(asked), words.acquireAtGate(asked)]
          : [words.acquireAtGate(asked)],
      upgrade: [words.upgrade(token, 'w')],
      giveUp: [words.upgrade(token, 'c')],
      downgrade: [words.downgrade(token, used)],
      release: [words.releaseAtGate(ending), words.releasePlainly({ ...ending, queued: mode === 'x' })],
    };
    const [first, other] = calls[act];
    let { next, answer } = this.#run(world, first!);
    let last = first!;
    if (other !== undefined && (answer[0] === -11 || answer[0] === -12)) {
      last = other;
      ({ next, answer } = this.#run(next, other));
    }
    const knows = answer[0] === 1 && act !== 'release';
    const told = knows ? { fence: Number(answer[1]), lineage: Number(answer[2]) } : {};
    const done = act === 'ask' && client.done > 0 ? client.done : client.done + 1;
    return { ...next, clients: next.clients.with(i, { ...next.clients[i]!, ...told, done, last }) };
  }

  /** A waiter gives up: it is through. */
  #leave(world: World, i: number): World {
    const next = this.#act(world, i, 'release');
    const client = next.clients[i]!;
    return { ...next, clients: next.clients.with(i, { ...client, done: client.acts.length }) };
  }

  /** The same bytes once more, late. A request to acquire that is over would hold it for nobody: that is undone, by the client. */
  #again(world: World, call: Call): World {
    const i = world.clients.findIndex(({ last }) => last === call);
    const { next } = this.#run(world, call);
    const { done, acts } = next.clients[i]!;
    return call.script.endsWith('acquire') && done === acts.length ? this.#leave(next, i) : next;
  }

  #run(world: World, call: Call): { next: World; answer: ScriptReply } {
    const before = this.#look(world);
    const nowUs = (this.#nowUs = world.nowUs + SCRIPT_US);
    const server = world.server.clone(this.#place);
    const reply = server.run(call.script, call.keys, [`${call.terms}n `, ...call.args]);
    const answer = Array.isArray(reply[1]) ? (reply[1] as ScriptReply) : reply.slice(1);
    const after = lookAtGate(server, KEY);
    checkGate(after, call.script.startsWith('gate-') && answer[0] !== -12);
    const tokens = checkTokens(before, after, world.tokens);
    // Whoever was pushed to knows its token.
    const clients = world.clients.map((client) => {
      const held = after.holders.find(({ token }) => token === client.token);
      return held === undefined ? client : { ...client, fence: Math.max(client.fence, held.fence) };
    });
    return { next: { ...world, server, nowUs, tokens, clients }, answer };
  }
}
