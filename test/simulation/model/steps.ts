import type { ScriptName } from '../../../lib/stores/redis/redis-link.js';
import type { Script } from '../scripted-scripts.js';
import { SCRIPTED } from '../scripted-scripts.js';
import { ScriptedServer, type ServerPlace } from '../scripted-server.js';
import { ClientRules, withAcquisition } from './client-rules.js';
import { checkAnswer, checkExecution, checkState, hasEndedCleanly, isNewGrant, risen } from './laws.js';
import { argumentsOf, clientOfChannel, keysOf, look, readPush, readReply } from './wire.js';
import * as w from './world.js';

function spent(budget: w.Budget, fault?: w.Fault): w.Budget {
  return fault === undefined ? budget : { ...budget, [fault]: budget[fault] - 1 };
}

const SCRIPT_US = 1_000;

/** What a step does to one client; it may change the draft of the client and of the world. */
export type Change = (client: w.Draft<w.Client>, world: w.Draft<w.World>) => void;

/** The server and the network: how worlds change. Which steps there are in a world: moves.ts. */
export class Steps {
  readonly #place: ServerPlace;
  /** The world that is being made; the server's clock and listeners are in it. */
  #making!: w.Draft<w.World>;

  constructor(
    readonly rules = new ClientRules(),
    private readonly scripts: Readonly<Record<ScriptName, Script>> = SCRIPTED,
  ) {
    this.#place = {
      nowUs: () => this.#making.nowUs,
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
      late: false,
      clients: Array.from({ length: clients }, (_, id) => ({
        id,
        alive: true,
        listening: true,
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
      next.nowUs += SCRIPT_US;
      const before = world.view;
      const { does, token } = request;
      const reply = readReply(request, server.run(does, keysOf(request), argumentsOf(request)));
      const after = look(server);
      const listens = (other: number) => world.clients[w.clientOf(other)]?.listening === true;
      const ends = does === 'release' && before.owner === token;
      checkExecution({
        request,
        reply,
        before,
        after,
        listens,
        nowUs: next.nowUs,
        endedCleanly: hasEndedCleanly(world, token),
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
      next.nowUs += SCRIPT_US;
      if (fault === 'queueEnd') server.drop(w.KEYS[1]);
      else next.unbounded = true;
      if (fault === 'wipe') server.wipe();
      if (fault !== 'force') return;
      server.run('force', w.KEYS, ['', String(w.KEEP_MS), 'by hand']);
      const after = look(server);
      if (isNewGrant(world.view, after)) next.topFence = risen(world.topFence, after.fence);
    });
  }

  tick(world: w.World, fault?: w.Fault): w.World {
    return this.serve(world, (server, next) => {
      next.budget = spent(world.budget, fault);
      next.nowUs += w.TICK_MS * 1_000;
      server.redis.pexpire(w.KEYS[1], 90_000); // that it may end is a fault of its own: `queueEnd`
      next.clients = world.clients.map((client) => this.#older(client));
    });
  }

  deliverReply(client: w.Draft<w.Client>, world: w.World): void {
    const [reply, ...others] = client.replies;
    client.replies = others;
    checkAnswer(reply!, hasEndedCleanly(world, reply!.request.token));
    this.with(client, reply!.request.token, (it) => this.rules.onReply(it, reply!));
  }

  deliverPush(client: w.Draft<w.Client>): void {
    const [push, ...others] = client.pushes;
    client.pushes = others;
    this.with(client, push!.token, (it) => this.rules.onPush(it, push!));
  }

  /** Changes one acquisition; one that is not known any more is a stranger. */
  with(client: w.Draft<w.Client>, token: w.TokenId, change: (it: w.Draft<w.Acquisition>) => void): void {
    const known = client.acquisitions.find((it) => it.token === token);
    const it = { ...(known ?? this.rules.stranger(token)) };
    change(it);
    client.acquisitions = withAcquisition(client, it, this.rules);
  }

  begin(client: w.Draft<w.Client>, waits: boolean): void {
    const it = this.rules.begin(client.id * 8 + client.begun, waits);
    client.cycles -= 1;
    client.begun += 1;
    client.acquisitions = [...client.acquisitions, it];
    this.#send(client, it, { does: 'acquire' });
  }

  poll(client: w.Draft<w.Client>, token: w.TokenId): void {
    this.with(client, token, (it) => {
      Object.assign(it, { asking: true, polled: true });
      this.#send(client, it, { does: 'acquire' });
    });
  }

  renew(client: w.Draft<w.Client>, token: w.TokenId): void {
    this.with(client, token, (it) => {
      it.renewing = true;
      this.#send(client, it, { does: 'renew' });
    });
  }

  release(client: w.Draft<w.Client>, token: w.TokenId): void {
    this.with(client, token, (it) => {
      this.rules.release(it);
      it.ending = true;
      this.#send(client, it, { does: 'release', purpose: 'release' });
    });
  }

  end(client: w.Draft<w.Client>, token: w.TokenId, purpose: 'end' | 'bare'): void {
    this.with(client, token, (it) => {
      it.ending = true;
      this.#send(client, it, { does: 'release', purpose });
    });
  }

  cancel(client: w.Draft<w.Client>, token: w.TokenId): void {
    this.with(client, token, (it) => this.rules.cancel(it));
  }

  deafen(client: w.Draft<w.Client>): void {
    client.listening = false;
    client.pushes = [];
  }

  /** Pushes may have been lost: whoever waits polls. */
  listenAgain(client: w.Draft<w.Client>): void {
    client.listening = true;
    client.acquisitions = client.acquisitions.map((it) => ({ ...it, polled: false }));
  }

  /** No answer in time; the request goes on, and its reply means nothing any more. */
  giveUp(client: w.Draft<w.Client>, request: w.Request): void {
    const ignored = { ...request, awaited: false };
    client.requests = client.requests.map((it) => (it === request ? ignored : it));
    client.replies = client.replies.filter((reply) => reply.request !== request);
    this.with(client, request.token, (it) => this.rules.onFailure(it, request));
  }

  /** The command connection is gone. `late`: what was on its way may still be executed; `again`: the calls are repeated at once. */
  cut(client: w.Draft<w.Client>, { late, again }: { late: boolean; again: boolean }): void {
    const unanswered = [...client.replies.map(({ request }) => request), ...client.requests].filter(
      ({ awaited }) => awaited,
    );
    if (late) client.strays = [...client.strays, ...client.requests.map((request) => this.#stray(request))];
    client.replies = [];
    client.requests = [];
    for (const request of unanswered) {
      const it = client.acquisitions.find(({ token }) => token === request.token);
      const isWanted = request.does !== 'acquire' || it?.phase === 'asking';
      if (again && isWanted) client.requests = [...client.requests, { ...request, age: 0, repeated: true }];
      else this.with(client, request.token, (draft) => this.rules.onFailure(draft, request));
    }
  }

  crash(client: w.Draft<w.Client>, late: boolean): void {
    if (late) client.strays = [...client.strays, ...client.requests.map((request) => this.#stray(request))];
    Object.assign(client, { alive: false, cycles: 0 });
    Object.assign(client, { acquisitions: [], requests: [], replies: [], pushes: [] });
  }

  #send(
    client: w.Draft<w.Client>,
    it: w.Acquisition,
    what: Pick<w.Request, 'does'> & Partial<w.Request>,
  ): void {
    const { token, waits, ticket } = it;
    const { does, purpose = '' } = what;
    const known =
      does === 'acquire' ? { fence: 0, lineage: 0, member: false } : this.rules.endOf(it, purpose);
    const request = { does, token, age: 0, awaited: true, repeated: false, waits, purpose, ...known };
    client.requests = [...client.requests, { ...request, ticket: does === 'acquire' ? ticket : 0 }];
  }

  #stray(request: w.Request): w.Request {
    return { ...request, awaited: false, age: 0, repeated: false };
  }

  #older(client: w.Client): w.Client {
    const older = <T extends { readonly age: number }>(things: readonly T[]) =>
      things.map((thing) => ({ ...thing, age: Math.min(w.LEASE_TICKS, thing.age + 1) }));
    const replies = client.replies.map((reply) => ({ ...reply, request: older([reply.request])[0]! }));
    const next: w.Draft<w.Client> = { ...client, requests: older(client.requests), replies };
    next.pushes = older(client.pushes);
    for (const { token } of client.acquisitions) this.with(next, token, (it) => this.rules.onTick(it));
    return next;
  }

  #publish(channel: string, message: string): number {
    const id = clientOfChannel(channel);
    const client = this.#making.clients[id]!;
    if (!client.listening) return 0;
    if (client.alive) {
      const pushes = [...client.pushes, readPush(message)];
      this.#making.clients = this.#making.clients.with(id, { ...client, pushes });
    }
    return 1;
  }
}
