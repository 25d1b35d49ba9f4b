import { newAcquisition, stranger, withAcquisition } from './acquisition.js';
import type { ClientRules } from './client-rules.js';
import { checkAnswer, checkCount, hasEndedCleanly } from './laws.js';
import * as w from './world.js';

/** What a step does to one client; it may change the draft of the client and of the world. */
export type Change = (client: w.Draft<w.Client>, world: w.Draft<w.World>) => void;

/** What clients do, and what the network does to them. Each method changes a draft. */
export class ClientActs {
  constructor(readonly rules: ClientRules) {}

  deliverReply(client: w.Draft<w.Client>, world: w.World): void {
    const [reply, ...others] = client.replies;
    client.replies = others;
    const { token, does, successor } = reply!.request;
    const endedCleanly = hasEndedCleanly(world, token);
    checkAnswer(reply!, { endedCleanly, rolledBack: world.rolledBack });
    this.with(client, token, (it) => this.rules.onReply(it, reply!));
    if (does === 'yield') this.with(client, successor, (it) => this.rules.yields.onReplyForPlace(it, reply!));
  }

  deliverPush(client: w.Draft<w.Client>): void {
    const [push, ...others] = client.pushes;
    client.pushes = others;
    this.with(client, push!.token, (it) => this.rules.onPush(it, push!));
  }

  /** Changes one acquisition; one that is not known any more is a stranger. */
  with(client: w.Draft<w.Client>, token: w.TokenId, change: (it: w.Draft<w.Acquisition>) => void): void {
    const known = client.acquisitions.find((it) => it.token === token);
    const it = { ...(known ?? stranger(token)) };
    change(it);
    client.acquisitions = withAcquisition(client, it);
  }

  begin(client: w.Draft<w.Client>, waits: boolean): void {
    client.cycles -= 1;
    this.#send(client, this.#new(client, waits), { does: 'acquire' });
  }

  #new(client: w.Draft<w.Client>, waits: boolean): w.Acquisition {
    const it = newAcquisition(client.id * 8 + client.begun, waits);
    client.begun += 1;
    client.acquisitions = [...client.acquisitions, it];
    return it;
  }

  /** Handed on inside the process. */
  countOn(client: w.Draft<w.Client>, world: w.Draft<w.World>, token: w.TokenId): void {
    this.with(client, token, (it) => {
      this.rules.yields.countOn(it);
      checkCount(world, it);
      world.topFence = Math.max(world.topFence, it.used);
    });
  }

  yield(client: w.Draft<w.Client>, token: w.TokenId): void {
    const { token: successor } = this.#new(client, true);
    this.with(client, token, (it) => {
      this.rules.yields.begin(it);
      this.#send(client, it, { does: 'yield', successor, purpose: 'yield' });
    });
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

  /** Nothing is closed, so nobody notices. */
  goAstray(client: w.Draft<w.Client>): void {
    Object.assign(client, { listening: false, elsewhere: true });
  }

  deafen(client: w.Draft<w.Client>): void {
    client.listening = false;
    while (client.pushes.length > 0) this.missPush(client);
  }

  missPush(client: w.Draft<w.Client>): void {
    const [push, ...others] = client.pushes;
    client.pushes = others;
    client.acquisitions = client.acquisitions.map((it) =>
      it.token === push!.token ? { ...it, unsure: true } : it,
    );
  }

  /** Pushes may have been lost: whoever waits polls. */
  listenAgain(client: w.Draft<w.Client>): void {
    Object.assign(client, { listening: true, elsewhere: false });
    client.acquisitions = client.acquisitions.map((it) => ({ ...it, polled: false }));
  }

  /** No answer in time; the request goes on, and its reply means nothing any more. */
  giveUp(client: w.Draft<w.Client>, request: w.Request): void {
    const ignored = { ...request, awaited: false };
    client.requests = client.requests.map((it) => (it === request ? ignored : it));
    client.replies = client.replies.filter((reply) => reply.request !== request);
    this.#fail(client, request);
  }

  #fail(client: w.Draft<w.Client>, request: w.Request): void {
    const { token, does, successor } = request;
    this.with(client, token, (it) => this.rules.onFailure(it, request));
    if (does === 'yield') this.with(client, successor, (it) => this.rules.yields.onFailureForPlace(it));
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
      else this.#fail(client, request);
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
    const { does, purpose = '', successor = -1 } = what;
    const nothing = { fence: 0, lineage: 0, used: 0, member: false };
    const known = does === 'acquire' ? nothing : this.rules.endOf(it, purpose);
    const sent = { age: 0, awaited: true, repeated: false, ticket: does === 'acquire' ? ticket : 0 };
    const request: w.Request = { does, token, waits, purpose, successor, ...sent, ...known };
    client.requests = [...client.requests, request];
  }

  #stray(request: w.Request): w.Request {
    return { ...request, awaited: false, age: 0, repeated: false };
  }

  older(client: w.Client): w.Client {
    const older = <T extends { readonly age: number }>(things: readonly T[]) =>
      things.map((thing) => ({ ...thing, age: Math.min(w.LEASE_TICKS, thing.age + 1) }));
    const replies = client.replies.map((reply) => ({ ...reply, request: older([reply.request])[0]! }));
    const next: w.Draft<w.Client> = { ...client, requests: older(client.requests), replies };
    next.pushes = older(client.pushes);
    for (const { token } of client.acquisitions) this.with(next, token, (it) => this.rules.onTick(it));
    return next;
  }
}
