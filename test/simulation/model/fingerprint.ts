import {
  type Acquisition,
  type Client,
  cycleOf,
  type Reply,
  type Request,
  type View,
  type World,
} from './world.js';

/** See state-table.ts. */
const { min } = Math;

/**
 * A world as a text that is equal for worlds with equal futures: clients have no names (their order is sorted away), and tokens and
 * tickets keep only their order and whether one follows directly on another, which is all that anybody ever looks at.
 */
export function describeWorld(world: World): string {
  const names = rename(world);
  const { view, saved, budget, unbounded, rolledBack, late, topFence, behindUs, nowUs } = world;
  const clients = world.clients.map((client) => describeClient(client, world, names)).toSorted();
  const state = [describeView(view, names), describeView(saved?.view, names), names.fence(topFence)];
  if (behindUs !== undefined) state.push(`${names.fence(nowUs)} ${names.ticket(nowUs)} ${names.time(nowUs)}`);
  const flags = bits([unbounded, rolledBack, late]);
  const spent = Object.values(budget).join('');
  return `${state.join(';')};${spent} ${flags};${clients.join('/')}`;
}

function describeView(view: View | undefined, names: Names): string {
  if (view === undefined) return '';
  return `${view.flag},${names.fence(view.fence)},${names.fence(view.lineage)},${view.ticksLeft}`;
}

interface Names {
  fence(value: number): number;
  ticket(value: number): number;
  time(value: number): number;
}

function describeClient(client: Client, { view, saved }: World, names: Names): string {
  const { id, alive, listening, elsewhere, cycles, begun, acquisitions, replies, requests, strays, pushes } =
    client;
  const request = (it: Request) => describeRequest(it, names);
  const parts = [
    `${alive ? 'a' : 'd'}${listening ? 'l' : ''}${elsewhere ? 'e' : ''}${cycles}${begun}`,
    describePart(id, view, names),
    describePart(id, saved?.view, names),
    acquisitions
      .map((it) => describeAcquisition(it, names))
      .toSorted()
      .join(),
    requests.map(request).join(),
    strays.map(request).toSorted().join(),
    replies.map((it) => describeReply(it, names)).join(),
    pushes
      .map((it) => {
        const grant = `${names.fence(it.fence)} ${names.fence(it.lineage)} ${names.time(it.grantedUs)}`;
        return `${cycleOf(it.token)}${it.forced ? 'L' : it.woken ? 'W' : 'G'}${it.age} ${grant}`;
      })
      .join(),
    clean(client),
  ];
  return parts.join('|');
}

/** What a client has in the server: the lock, places in the queue. */
function describePart(id: number, view: View | undefined, names: Names): string {
  if (view === undefined) return '';
  const isMine = (token: number) => token >> 3 === id;
  const owns = view.owner !== -1 && isMine(view.owner) ? cycleOf(view.owner) : '';
  const mine = view.queue.filter(({ token }) => isMine(token));
  return `${owns},${mine.map(({ token, ticket }) => `${cycleOf(token)}@${names.ticket(ticket)}`).join()}`;
}

function describeAcquisition(it: Acquisition, names: Names): string {
  const { phase, registered, asking, renewing, ending, member } = it;
  const flags = bits([registered, asking, renewing, ending, member, it.waits, it.condemned, it.unsure]);
  const known = `${names.fence(it.fence)}.${names.fence(it.lineage)}.${names.fence(it.used)} ${it.believes}${it.ends}${it.bareEnds}`;
  // What only matters while it asks.
  const wait =
    phase === 'asking'
      ? `${bits([it.first, it.polled])} ${names.ticket(it.ticket)} ${names.time(it.heardUs)} ${it.lag} ${it.age}`
      : '';
  return `${cycleOf(it.token)}${phase[0]}${flags} ${known} ${wait}`;
}

function describeRequest(it: Request, names: Names): string {
  const { does, purpose, token, age, ticket, fence, lineage, used, awaited, repeated, waits, member } = it;
  const flags = bits([awaited, repeated, waits, member]);
  const successor = it.successor === -1 ? '' : cycleOf(it.successor);
  const grant = `${names.fence(fence)} ${names.fence(lineage)} ${names.fence(used)}`;
  return `${cycleOf(token)}${does[2]}${purpose[0] ?? ''}${flags}${age} ${names.ticket(ticket)} ${grant} ${successor}`;
}

function describeReply(it: Reply, names: Names): string {
  const { request, code, lag, left } = it;
  const told = `${names.fence(it.fence)} ${names.fence(it.lineage)} ${names.ticket(it.ticket)} ${names.time(it.serverUs)}`;
  return `${describeRequest(request, names)}>${code} ${lag} ${left} ${told}`;
}

/** Remembered only as long as somebody may still ask: an end that knows its grant, or one that may yet learn of it. */
function clean({ endedCleanly, acquisitions, requests, strays, replies }: Client): number {
  if (endedCleanly === 0) return 0;
  const ends = [...requests, ...strays, ...replies.map(({ request }) => request)].filter(
    ({ fence }) => fence > 0,
  );
  const mayKnow = acquisitions.filter(({ phase, asking, fence }) => phase !== 'over' || asking || fence > 0);
  return endedCleanly & [...ends, ...mayKnow].reduce((all, { token }) => all | (1 << cycleOf(token)), 0);
}

function bits(flags: readonly boolean[]): number {
  return flags.reduce((all, flag) => all * 2 + Number(flag), 0);
}

/** A token more than this far from the next smaller one is just apart from it. */
const APART = 3;

/** Tokens, tickets and times are never compared with each other. */
function rename({ view, saved, topFence, clients, behindUs, nowUs }: World): Names {
  const fences = [view.fence, view.lineage, topFence];
  const tickets = view.queue.map(({ ticket }) => ticket);
  if (saved !== undefined) {
    fences.push(saved.view.fence, saved.view.lineage);
    for (const { ticket } of saved.view.queue) tickets.push(ticket);
  }
  const times: number[] = [];
  if (behindUs !== undefined) for (const numbers of [fences, tickets, times]) numbers.push(nowUs);
  const named = (it: { fence: number; lineage: number; used: number; ticket: number }) => {
    fences.push(it.fence, it.lineage, it.used);
    tickets.push(it.ticket);
  };
  for (const { acquisitions, requests, strays, replies, pushes } of clients) {
    for (const it of requests) named(it);
    for (const it of strays) named(it);
    for (const it of acquisitions) {
      const asks = it.phase === 'asking';
      named(asks ? it : { ...it, ticket: 0 });
      if (asks) times.push(it.heardUs);
    }
    for (const it of replies) {
      named({ ...it, used: 0 });
      named(it.request);
      times.push(it.serverUs);
    }
    for (const { fence, lineage, grantedUs } of pushes) {
      fences.push(fence, lineage);
      times.push(grantedUs);
    }
  }
  return { fence: ranks(fences, APART), ticket: ranks(tickets, 1), time: ranks(times, 1) };
}

function ranks(values: number[], apart: number): (value: number) => number {
  values.sort((a, b) => a - b);
  const distinct: number[] = [0];
  const names: number[] = [0];
  for (const value of values) {
    const last = distinct.at(-1)!;
    if (value <= last) continue;
    distinct.push(value);
    names.push(names.at(-1)! + min(value - last, apart));
  }
  return (value) => names[distinct.indexOf(value)] ?? 0;
}
