import type { Change } from './client-acts.js';
import type { Steps } from './steps.js';
import type { Acquisition, Client, Fault, World } from './world.js';

/** One step: what it is, the world after it, and its turn when everything goes well (the smallest first; none: it need not happen). */
export interface Move {
  readonly label: string;
  readonly turn: number | undefined;
  readonly next: () => World;
}

/** The order of things when nothing goes wrong any more. From every state it must lead to an end at which everybody was served. */
const TURN = { notice: 1, reply: 2, push: 3, execute: 4, release: 5, end: 6, poll: 7, begin: 8, tick: 9 };

interface Act {
  readonly label: string;
  readonly turn?: number;
  readonly costs?: Fault;
  readonly change: Change;
}

/** Everything that can happen next in a world. */
export class Moves {
  constructor(
    private readonly steps: Steps,
    /** May a client also try without waiting? */
    private readonly tries: boolean,
  ) {}

  of(world: World): Move[] {
    const moves = world.clients.flatMap((client) => {
      const acts = [...this.#network(client), ...(client.alive ? this.#acts(client) : [])];
      const faults = client.alive ? this.#faults(world, client) : [];
      return [
        ...this.#executions(world, client),
        ...[...acts, ...faults].map((act) => this.#move(world, client, act)),
      ];
    });
    return [...moves, ...this.#outside(world), ...this.#ticks(world)];
  }

  /** Nothing is left to do but to let time pass. */
  isEnd({ clients }: World): boolean {
    return clients.every(
      (it) =>
        it.cycles === 0 &&
        it.alive === it.listening &&
        it.acquisitions.length + it.strays.length === 0 &&
        !isTalking(it),
    );
  }

  #move(world: World, { id }: Client, { label, turn, costs, change }: Act): Move {
    const next = () => this.steps.change(world, id, [change, costs]);
    return { label: `client ${id} ${label}`, turn, next };
  }

  #network({ alive, listening, replies, pushes }: Client): Act[] {
    const { acts: doing } = this.steps;
    const acts: Act[] = [];
    if (!alive && listening)
      acts.push({ label: 'is seen to be gone', turn: TURN.notice, change: (it) => (it.listening = false) });
    if (alive && !listening)
      acts.push({ label: 'listens again', turn: TURN.notice, change: (it) => doing.listenAgain(it) });
    const [reply] = replies;
    if (reply !== undefined) {
      const label = `hears ${reply.code} for ${reply.request.does} ${reply.request.token}`;
      acts.push({ label, turn: TURN.reply, change: (it, next) => doing.deliverReply(it, next) });
    }
    if (pushes.length > 0)
      acts.push({ label: 'hears a push', turn: TURN.push, change: (it) => doing.deliverPush(it) });
    return acts;
  }

  /** In the order of the connection; what is left of an old connection at any time. */
  #executions(world: World, { id, requests, strays }: Client): Move[] {
    return [...requests.slice(0, 1), ...strays].map((request) => ({
      label: `the server executes ${request.does} ${request.token} of client ${id}${strays.includes(request) ? ', late' : ''}`,
      turn: TURN.execute,
      next: () => this.steps.execute(world, id, request),
    }));
  }

  #acts(client: Client): Act[] {
    const { cycles, acquisitions } = client;
    const acts = acquisitions.flatMap((it) => this.#actsOn(it));
    if (cycles === 0 || acquisitions.some(({ phase }) => phase !== 'over')) return acts;
    const begin =
      (waits: boolean): Act['change'] =>
      (it) =>
        this.steps.acts.begin(it, waits);
    acts.push({ label: 'acquires', turn: TURN.begin, change: begin(true) });
    if (this.tries) acts.push({ label: 'tries', change: begin(false) });
    return acts;
  }

  #actsOn(acquisition: Acquisition): Act[] {
    const { acts: doing } = this.steps;
    const { token, phase, waits, asking, polled, ending, ends, bareEnds } = acquisition;
    const acts: Act[] = [];
    if (phase === 'held')
      acts.push({ label: 'releases', turn: TURN.release, change: (it) => doing.release(it, token) });
    if (phase === 'asking' && waits && !asking && !polled && doing.rules.polls) {
      acts.push({ label: 'polls', turn: TURN.poll, change: (it) => doing.poll(it, token) });
    }
    if (!ending && ends + bareEnds > 0) {
      const label = `undoes ${token}`;
      acts.push({ label, turn: TURN.end, change: (it) => doing.end(it, token, ends > 0 ? 'end' : 'bare') });
    }
    return acts;
  }

  #faults(world: World, client: Client): Act[] {
    const { acts: doing } = this.steps;
    const { acquisitions, requests, replies, pushes, listening } = client;
    const acts: Act[] = [
      { label: 'crashes', costs: 'crash', change: (it) => doing.crash(it, false) },
      ...this.#cuts(client),
    ];
    if (requests.length > 0) {
      acts.push({ label: 'crashes, requests go on', costs: 'crash', change: (it) => doing.crash(it, true) });
    }
    if (pushes.length > 0)
      acts.push({
        label: 'misses a push',
        costs: 'lostPush',
        change: (it) => doing.missPush(it),
      });
    if (listening)
      acts.push(
        { label: 'is deaf for a while', costs: 'deaf', change: (it) => doing.deafen(it) },
        { label: 'listens elsewhere', costs: 'astray', change: (it) => doing.goAstray(it) },
      );
    for (const request of [...replies.map((reply) => reply.request), ...requests]) {
      if (!request.awaited) continue;
      const label = `gives ${request.does} ${request.token} up`;
      acts.push({ label, costs: 'giveUp', change: (it) => doing.giveUp(it, request) });
    }
    for (const { token, phase, believes, renewing } of acquisitions) {
      if (phase === 'asking')
        acts.push({ label: 'cancels', costs: 'cancel', change: (it) => doing.cancel(it, token) });
      if (believes > 0 && !renewing)
        acts.push({ label: 'renews', costs: 'renew', change: (it) => doing.renew(it, token) });
      if (phase !== 'held' || isYielding(client, token)) continue;
      acts.push({ label: 'counts on', costs: 'count', change: (it, next) => doing.countOn(it, next, token) });
      acts.push({ label: 'yields', costs: 'yield', change: (it) => doing.yield(it, token) });
    }
    return acts.filter(({ costs }) => costs !== undefined && world.budget[costs] > 0);
  }

  #cuts({ requests, replies }: Client): Act[] {
    if (requests.length + replies.length === 0) return []; // nothing is lost
    const fates = requests.length > 0 ? ['lost', 'late'] : ['lost'];
    return fates.flatMap((fate) =>
      ['again', 'in vain'].map((then): Act => {
        const label = `is cut off, requests ${fate}, asks ${then}`;
        return {
          label,
          costs: 'cut',
          change: (it, next) => {
            next.late ||= fate === 'late';
            this.steps.acts.cut(it, { late: fate === 'late', again: then === 'again' });
          },
        };
      }),
    );
  }

  #outside(world: World): Move[] {
    const { budget, view, saved } = world;
    const moves: Move[] = [];
    if (budget.rollback > 0 && saved === undefined && view.flag !== '') {
      moves.push({ label: 'the server saves', turn: undefined, next: () => this.steps.save(world) });
    } else if (saved !== undefined) {
      moves.push({ label: 'rollback', turn: undefined, next: () => this.steps.rollBack(world) });
    }
    if (budget.clockBack > 0 && world.behindUs === undefined && isRecent(world)) {
      moves.push({ label: 'clock set back', turn: undefined, next: () => this.steps.setClockBack(world) });
    }
    const faults: ('wipe' | 'queueEnd' | 'force')[] = [];
    if (budget.wipe > 0 && (view.flag !== '' || view.queue.length > 0)) faults.push('wipe');
    if (budget.queueEnd > 0 && view.queue.length > 0) faults.push('queueEnd');
    if (budget.force > 0 && view.owner !== -1) faults.push('force');
    for (const fault of faults) {
      moves.push({ label: fault, turn: undefined, next: () => this.steps.outside(world, fault) });
    }
    return moves;
  }

  /** Time may always pass when nothing is on its way; while something is, that is a fault. */
  #ticks(world: World): Move[] {
    if (!world.clients.some(isTalking))
      return [{ label: 'tick', turn: TURN.tick, next: () => this.steps.tick(world) }];
    if (world.budget.slow === 0) return [];
    return [{ label: 'tick, slow', turn: undefined, next: () => this.steps.tick(world, 'slow') }];
  }
}

function isTalking({ requests, replies, pushes }: Client): boolean {
  return requests.length + replies.length + pushes.length > 0;
}

function isYielding({ requests, replies }: Client, token: number): boolean {
  const sent = [...requests, ...replies.map(({ request }) => request)];
  return sent.some((it) => it.does === 'yield' && it.awaited && it.token === token);
}

/** Held, and granted since the last tick. */
function isRecent({ view, nowUs }: World): boolean {
  return view.owner !== -1 && nowUs - view.fence < 1_000_000;
}
