import { type Acquisition, type Client, type Draft, LEASE_TICKS, type Reply, type TokenId } from './world.js';

/** How one acquisition begins, changes and ends, whoever decides it. */

export function newAcquisition(token: TokenId, waits: boolean): Acquisition {
  return {
    token,
    waits,
    phase: 'asking',
    registered: true,
    asking: true,
    first: true,
    polled: true,
    renewing: false,
    member: waits,
    ticket: 0,
    heardUs: 0,
    lag: 0,
    age: 0,
    fence: 0,
    lineage: 0,
    used: 0,
    unsure: false,
    condemned: false,
    believes: 0,
    ends: 0,
    bareEnds: 0,
    ending: false,
  };
}

/** A push of which nothing else is known. */
export function stranger(token: TokenId): Acquisition {
  const unknown = newAcquisition(token, false);
  return { ...unknown, phase: 'over', registered: false, asking: false, first: false, polled: false };
}

/** A later grant of the same hold counts, an earlier one does not. */
export function learn(it: Draft<Acquisition>, fence: number, lineage: number): void {
  if (fence <= it.fence) return;
  it.fence = fence;
  it.lineage = lineage;
  it.used = Math.max(it.used, fence);
}

export function queued(it: Draft<Acquisition>, { ticket, lag, serverUs }: Reply): void {
  Object.assign(it, { ticket, lag, heardUs: serverUs });
}

/** Its caller has no use for it any more. */
export function over(it: Draft<Acquisition>): void {
  it.phase = 'over';
  it.believes = 0;
}

/** The same, and the store forgets it. @param ends how often its end must be said */
export function leave(it: Draft<Acquisition>, ends: number): void {
  over(it);
  it.registered = false;
  it.ends = Math.max(it.ends, ends);
}

export function older(it: Draft<Acquisition>): void {
  it.polled = false;
  it.age = Math.min(LEASE_TICKS, it.age + 1);
}

/** Nothing will ever be asked of it again. */
function isDone({ phase, asking, renewing, ending, ends, bareEnds }: Acquisition): boolean {
  return phase === 'over' && !asking && !renewing && !ending && ends === 0 && bareEnds === 0;
}

/** @returns the client with one acquisition replaced, or dropped when it is done */
export function withAcquisition(client: Client, it: Acquisition): readonly Acquisition[] {
  const others = client.acquisitions.filter(({ token }) => token !== it.token);
  return isDone(it) ? others : [...others, it];
}
