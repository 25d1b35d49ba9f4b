import type { EventOf, HistoryEvent } from './history-events.js';

/** Everything that one acquisition did, from the call to the end of its lease. */
export interface Call {
  readonly call: string;
  readonly p: string;
  readonly name: string;
  readonly invokedAtMs: number;
  readonly boundMs: number | null;
  readonly inLine: boolean;
  /** Its place among all events of the history: decides between two that have the same time. */
  readonly index: number;
  settled?: Moment & { readonly granted: boolean };
  /** Fencing tokens it was told, with the moment: usually one. */
  readonly fences: { readonly fence: number; readonly atMs: number }[];
  readonly renewals: Renewal[];
  readonly writes: Write[];
  readonly releases: Release[];
  /** The last deadline that it was given while it still believed. */
  deadlineMs: number;
  lost?: Moment & { readonly cause: string; readonly deadlineMs: number };
  /** Its process was killed before anything else ended it. */
  crashedAtMs?: number;
}

interface Moment {
  readonly atMs: number;
  readonly index: number;
}

interface Renewal {
  readonly invoked: Moment;
  answer?: { readonly type: 'ok' | 'lost' | 'unknown'; readonly fence?: number };
}

export interface Write {
  readonly invokedAtMs: number;
  readonly checkedAtMs: number;
  readonly fence: number;
  answer?: { readonly type: 'accepted' | 'refused'; readonly version?: number };
}

interface Release {
  readonly invoked: Moment;
  result?: 'released' | 'lost' | 'failed';
  asked?: boolean;
}

export interface Place {
  readonly place: string;
  readonly p: string;
  readonly name: string;
  readonly askedAtMs: number;
  queuedAtMs?: number;
  grantedAtMs?: number;
}

export interface Force {
  readonly name: string;
  readonly invokedAtMs: number;
  /** Infinity: nobody knows when, or whether. */
  endedAtMs: number;
}

export interface Pause {
  /** Who saw it: the process itself, or the observer. Their reports may overlap. */
  readonly by: string;
  readonly fromMs: number;
  untilMs: number;
}

export interface ProcessLife {
  readonly pauses: Pause[];
  crashedAtMs?: number;
  leftovers?: readonly string[];
}

/** A history sorted by call, name and process, which is what the rules look at. */
export interface HistoryIndex {
  readonly calls: ReadonlyMap<string, Call>;
  readonly places: ReadonlyMap<string, Place>;
  readonly forces: readonly Force[];
  readonly processes: ReadonlyMap<string, ProcessLife>;
  readonly observed: readonly HistoryEvent[];
  /** Without a `healed` event the whole history counts as healthy. */
  readonly healedAtMs: number;
  readonly endsAtMs: number;
}

/** Until when its holder believed in it: release, loss, deadline, death, whichever came first. */
export function believedUntilMs(call: Call): number {
  return Math.min(
    call.deadlineMs,
    call.releases[0]?.invoked.atMs ?? Infinity,
    call.lost?.atMs ?? Infinity,
    call.crashedAtMs ?? Infinity,
  );
}

export function indexHistory(events: readonly HistoryEvent[]): HistoryIndex {
  const builder = new IndexBuilder();
  for (const [index, event] of events.entries()) builder.add(event, index);
  return builder.finish(events.at(-1)?.atMs ?? 0);
}

class IndexBuilder {
  readonly #calls = new Map<string, Call>();
  readonly #places = new Map<string, Place>();
  readonly #forces: Force[] = [];
  readonly #processes = new Map<string, ProcessLife>();
  readonly #observed: HistoryEvent[] = [];
  #healedAtMs = -Infinity;

  // oxlint-disable-next-line complexity -- one line for each kind of event
  add(event: HistoryEvent, index: number): void {
    switch (event.f) {
      case 'acquire':
        return this.#acquire(event, index);
      case 'renew':
        return this.#renew(event, index);
      case 'release':
        return this.#release(event, index);
      case 'write':
        return this.#write(event);
      case 'place':
        return this.#place(event);
      case 'force':
        return this.#force(event);
      case 'process':
        return this.#process(event);
      case 'lost':
        this.#callOf(event).lost ??= { ...event, index };
        return;
      case 'healed':
        this.#healedAtMs = event.atMs;
        return;
      case 'resource':
      case 'keys':
        this.#observed.push(event);
    }
  }

  finish(endsAtMs: number): HistoryIndex {
    for (const call of this.#calls.values()) {
      const crashedAtMs = this.#processes.get(call.p)?.crashedAtMs;
      if (crashedAtMs !== undefined) call.crashedAtMs = crashedAtMs;
    }
    return {
      calls: this.#calls,
      places: this.#places,
      forces: this.#forces,
      processes: this.#processes,
      observed: this.#observed,
      healedAtMs: this.#healedAtMs,
      endsAtMs,
    };
  }

  #callOf({ call }: { readonly call: string }): Call {
    const known = this.#calls.get(call);
    if (known === undefined) throw new Error(`the history speaks of call ${call} before it was made`);
    return known;
  }

  #acquire(event: EventOf<'acquire'>, index: number): void {
    const { call, name, p, atMs } = event;
    if (event.type === 'invoke') {
      const lists = { fences: [], renewals: [], writes: [], releases: [] };
      const { boundMs, inLine } = event;
      const start = { call, p, name, invokedAtMs: atMs, boundMs, inLine, index, deadlineMs: -Infinity };
      this.#calls.set(call, { ...start, ...lists });
      return;
    }
    const known = this.#callOf(event);
    known.settled = { atMs, index, granted: event.type === 'ok' };
    if (event.type === 'fail') return;
    known.fences.push({ fence: event.fence, atMs });
    known.deadlineMs = event.deadlineMs;
  }

  #renew(event: EventOf<'renew'>, index: number): void {
    const call = this.#callOf(event);
    const { atMs, type } = event;
    if (type === 'invoke') {
      call.renewals.push({ invoked: { atMs, index } });
      return;
    }
    // Answers come in the order of the requests: one renewal per lease is under way, and `extend` besides it.
    const renewal = call.renewals.find(({ answer }) => answer === undefined);
    if (renewal === undefined) throw new Error(`call ${call.call} got an answer to a renewal never sent`);
    if (type !== 'ok') {
      renewal.answer = { type };
      return;
    }
    renewal.answer = { type, fence: event.fence };
    if (atMs < believedUntilMs(call)) call.deadlineMs = event.deadlineMs;
    if (call.fences.at(-1)?.fence !== event.fence) call.fences.push({ fence: event.fence, atMs });
  }

  #release(event: EventOf<'release'>, index: number): void {
    const call = this.#callOf(event);
    if (event.type === 'invoke') {
      call.releases.push({ invoked: { atMs: event.atMs, index } });
      return;
    }
    const release = call.releases.find(({ result }) => result === undefined);
    if (release === undefined) return;
    release.result = event.type === 'fail' ? 'failed' : event.result;
    release.asked = event.type === 'fail' || event.asked !== false;
  }

  #write(event: EventOf<'write'>): void {
    const call = this.#callOf(event);
    if (event.type === 'invoke') {
      const { atMs, checkedAtMs, fence } = event;
      call.writes.push({ invokedAtMs: atMs, checkedAtMs, fence });
      return;
    }
    const write = call.writes.find(({ answer }) => answer === undefined);
    if (write === undefined) throw new Error(`call ${call.call} got an answer to a write never sent`);
    write.answer =
      event.type === 'accepted' ? { type: 'accepted', version: event.version } : { type: 'refused' };
  }

  #place({ type, place, p, name, atMs }: EventOf<'place'>): void {
    if (type === 'ask') this.#places.set(place, { place, p, name, askedAtMs: atMs });
    const known = this.#places.get(place);
    if (known === undefined) return;
    if (type === 'queued') known.queuedAtMs ??= atMs;
    if (type === 'granted') known.grantedAtMs ??= atMs;
  }

  #force({ type, name, atMs }: EventOf<'force'>): void {
    if (type === 'invoke') this.#forces.push({ name, invokedAtMs: atMs, endedAtMs: Infinity });
    const open = this.#forces.find((force) => force.name === name && force.endedAtMs === Infinity);
    if (type === 'ok' && open !== undefined) open.endedAtMs = atMs;
  }

  #process(event: EventOf<'process'>): void {
    const { of, type, atMs, p: by } = event;
    const life = this.#processes.get(of) ?? { pauses: [] };
    this.#processes.set(of, life);
    if (type === 'pause') life.pauses.push({ by, fromMs: atMs, untilMs: Infinity });
    const open = life.pauses.findLast((pause) => pause.by === by && pause.untilMs === Infinity);
    if (type === 'resume' && open !== undefined) open.untilMs = atMs;
    if (type === 'crash') life.crashedAtMs = atMs;
    if (type === 'end') life.leftovers = event.leftovers;
  }
}
