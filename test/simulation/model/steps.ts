import { SCRIPTED, type Scripts } from '../scripted-scripts.js';
import { ScriptedServer, type ServerPlace } from '../scripted-server.js';
import { type Change, ClientActs } from './client-acts.js';
import type { ClientRules } from './client-rules.js';
import { checkExecution, checkState, hasEndedCleanly, isNewGrant, risen } from './laws.js';
import { argumentsOf, clientOfChannel, keysOf, look, readPush, readReply } from './wire.js';
import * as w from './world.js';

function spent(budget: w.Budget, fault?: w.Fault): w.Budget {
  return fault === undefined ? budget : { ...budget, [fault]: budget[fault] - 1 };
}

const SCRIPT_US = 1_000;
const MOST_QUEUED = 10_000;

export interface StoreSettings {
  /** How many waiters the queue takes. */
  readonly mostQueued?: number | undefined;
  /** The server does not say who listens. */
  readonly uncounted?: boolean | undefined;
}

function advance(next: w.Draft<w.World>): void {
  if (next.behindUs === undefined) next.nowUs += SCRIPT_US;
}

/** The server and the network: how worlds change. Which steps there are in a world: moves.ts. */
export class Steps {
  readonly acts: ClientActs;
  readonly #place: ServerPlace;
  /** The world that is being made; the server's clock and listeners are in it. */
  #making!: w.Draft<w.World>;

  constructor(
    rules: ClientRules,
    private readonly scripts: Scripts = SCRIPTED,
    private readonly store: StoreSettings = {},
  ) {
    this.acts = new ClientActs(rules);
    this.#place = {
      nowUs: () => this.#making.nowUs,
      listeners: (channel) =>
        store.uncounted === true ? -1 : Number(this.#making.clients[clientOfChannel(channel)]!.listening),
      publish: (channel, message) => this.#publish(channel, message),
    };
  }

  start(clients: number, cycles: number, budget: w.Budget): w.World {
    const nowUs = 1_795_132_800_000_000;
    this.#making = { nowUs } as w.Draft<w.World>;
    const server = new ScriptedServer(this.#place, this.scripts);
    const nothing = { acquisitions: [], requests: [], strays: [], replies: [], pushes: [], endedCleanly: 0 };
    return {
      server,
      view: look(server),
      nowUs,
      budget,
      topFence: 0,
      unbounded: false,
      saved: undefined,
      rolledBack: false,
      behindUs: undefined,
      late: false,
      clients: Array.from({ length: clients }, (_, id) => ({
        id,
        alive: true,
        listening: true,
        elsewhere: false,
        cycles,
        begun: 0,
        ...nothing,
      })),
    };
  }

  /** A world with one client changed, and perhaps one fault less. */
  change(world: w.World, id: number, [change, fault]: readonly [Change, w.Fault | undefined]): w.World {
    const next: w.Draft<w.World> = { ...world };
    next.budget = spent(world.budget, fault);
    const client: w.Draft<w.Client> = { ...world.clients[id]! };
    next.clients = world.clients.with(id, client);
    change(client, next);
    checkState(next);
    return next;
  }

  /** A world with the server's data changed. */
  serve(world: w.World, change: (server: ScriptedServer, next: w.Draft<w.World>) => void): w.World {
    const next: w.Draft<w.World> = { ...world };
    this.#making = next;
    next.server = world.server.clone(this.#place);
    change(next.server, next);
    next.view = look(next.server);
    checkState(next);
    return next;
  }

  /** The server executes one request of a client. Whether anybody hears the reply is not its business. */
  execute(world: w.World, id: number, request: w.Request): w.World {
    return this.serve(world, (server, next) => {
      advance(next);
      const before = world.view;
      const { does, token } = request;
      const { mostQueued = MOST_QUEUED, uncounted = false } = this.store;
      const args = argumentsOf(request, mostQueued);
      const reply = readReply(request, server.run(does, keysOf(request), args));
      const after = look(server);
      const listens = (other: number) => uncounted || world.clients[w.clientOf(other)]?.listening === true;
      const ends =
        (does === 'release' || does === 'yield') && before.owner === token && after.owner !== token;
      checkExecution({
        request,
        reply,
        before,
        after,
        listens,
        nowUs: next.nowUs,
        isBehind: next.behindUs !== undefined,
        mostQueued,
        endedCleanly: hasEndedCleanly(world, token),
        rolledBack: world.rolledBack,
      });
      if (isNewGrant(before, after)) next.topFence = risen(world.topFence, after.fence);
      const client: w.Draft<w.Client> = { ...next.clients[id]! };
      client.requests = client.requests.filter((it) => it !== request);
      client.strays = client.strays.filter((it) => it !== request);
      if (request.awaited) client.replies = [...client.replies, reply];
      if (ends) client.endedCleanly |= 1 << w.cycleOf(token);
      next.clients = next.clients.with(id, client);
    });
  }

  /** Data is lost, or an operator steps in: exclusion ends, everything else holds. */
  outside(world: w.World, fault: 'wipe' | 'queueEnd' | 'force'): w.World {
    return this.serve(world, (server, next) => {
      next.budget = spent(world.budget, fault);
      advance(next);
      if (fault === 'queueEnd') server.drop(w.KEYS[1]);
      else next.unbounded = true;
      if (fault === 'wipe') server.wipe();
      if (fault !== 'force') return;
      server.run('force', w.KEYS, ['', String(w.KEEP_MS), 'by hand']);
      const after = look(server);
      if (isNewGrant(world.view, after)) next.topFence = risen(world.topFence, after.fence);
    });
  }

  /** To the moment of the last grant. It stands there, so that nothing depends on how far back that was. */
  setClockBack(world: w.World): w.World {
    return this.serve(world, (_server, next) => {
      next.budget = spent(world.budget, 'clockBack');
      next.behindUs = world.nowUs - world.view.fence;
      next.nowUs = world.view.fence;
    });
  }

  save(world: w.World): w.World {
    const { server, view } = world;
    return { ...world, saved: { server, view } };
  }

  rollBack(world: w.World): w.World {
    return this.serve({ ...world, server: world.saved!.server }, (_server, next) => {
      next.budget = spent(world.budget, 'rollback');
      Object.assign(next, { saved: undefined, unbounded: true, rolledBack: true });
    });
  }

  tick(world: w.World, fault?: w.Fault): w.World {
    return this.serve(world, (server, next) => {
      next.budget = spent(world.budget, fault);
      next.nowUs += w.TICK_MS * 1_000 + (world.behindUs ?? 0);
      next.behindUs = undefined;
      this.#age(server);
      if (world.saved !== undefined) {
        const saved = world.saved.server.clone(this.#place);
        this.#age(saved);
        next.saved = { server: saved, view: look(saved) };
      }
      next.clients = world.clients.map((client) => this.acts.older(client));
    });
  }

  /** That the queue may end is a fault of its own, `queueEnd`: else it lives on. */
  #age(server: ScriptedServer): void {
    server.redis.pexpire(w.KEYS[1], 90_000);
  }

  #publish(channel: string, message: string): void {
    const id = clientOfChannel(channel);
    const client = this.#making.clients[id]!;
    if (!client.alive || !(client.listening || client.elsewhere)) return;
    const pushes = [...client.pushes, readPush(message)];
    this.#making.clients = this.#making.clients.with(id, { ...client, pushes });
  }
}
