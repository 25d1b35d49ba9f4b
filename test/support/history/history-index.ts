import type { EventOf, HistoryEvent } from './history-events.js';
import type { Call, Force, HistoryIndex, LimitSetting, Part, Place, ProcessLife } from './indexed-history.js';

export type * from './indexed-history.js';

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
  readonly #parts = new Map<string, Part>();
  readonly #forces: Force[] = [];
  readonly #limits: LimitSetting[] = [];
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
      case 'part':
        return this.#part(event);
      case 'force':
        return this.#force(event);
      case 'limit':
        return this.#limit(event);
      case 'mode':
        return this.#mode(event);
      case 'upgrade':
        return this.#upgrade(event);
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
    for (const part of this.#parts.values())
      part.untilMs = Math.min(part.untilMs, this.#processes.get(part.p)?.crashedAtMs ?? Infinity);
    return {
      calls: this.#calls,
      places: this.#places,
      parts: [...this.#parts.values()],
      forces: this.#forces,
      limits: this.#limits,
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
      const lists = { fences: [], renewals: [], writes: [], releases: [], upgrades: [] };
      const { boundMs, inLine, kind = 'exclusive', weight = 1, limit } = event;
      const start = { call, p, name, invokedAtMs: atMs, boundMs, inLine, index, deadlineMs: -Infinity };
      this.#calls.set(call, { ...start, ...lists, kinds: [{ kind, fromMs: -Infinity }], weight, limit });
      return;
    }
    const known = this.#callOf(event);
    known.settled = { atMs, index, granted: event.type === 'ok' };
    if (event.type === 'fail') return;
    this.#told(known, { fence: event.fence, atMs, askedAtMs: known.invokedAtMs });
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
    if (call.fences.at(-1)?.fence !== event.fence)
      this.#told(call, { fence: event.fence, atMs, askedAtMs: call.invokedAtMs });
  }

  #told(call: Call, told: { fence: number; atMs: number; askedAtMs: number }): void {
    call.fences.push({ ...told, kind: call.kinds.at(-1)!.kind });
  }

  #mode(event: EventOf<'mode'>): void {
    const call = this.#callOf(event);
    const { kind, fence, atMs, askedAtMs } = event;
    call.kinds.push({ kind, fromMs: atMs });
    // An upgrade is a grant of its own.
    if (kind === 'exclusive' || call.fences.at(-1)?.fence !== fence)
      this.#told(call, { fence, atMs, askedAtMs });
  }

  #upgrade(event: EventOf<'upgrade'>): void {
    const { upgrades } = this.#callOf(event);
    if (event.type === 'invoke') upgrades.push({ fromMs: event.atMs, untilMs: Infinity });
    else upgrades.at(-1)!.untilMs = event.atMs;
  }

  #limit({ type, name, limit, atMs }: EventOf<'limit'>): void {
    if (type === 'invoke') this.#limits.push({ name, limit, invokedAtMs: atMs, endedAtMs: Infinity });
    const open = this.#limits.findLast((set) => set.name === name && set.limit === limit);
    if (type === 'ok' && open !== undefined) open.endedAtMs = atMs;
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

  #place({ type, place, p, name, atMs, kind = 'exclusive' }: EventOf<'place'>): void {
    if (type === 'ask') this.#places.set(place, { place, p, name, kind, askedAtMs: atMs });
    const known = this.#places.get(place);
    if (known === undefined) return;
    if (type === 'queued') known.queuedAtMs ??= atMs;
    if (type === 'granted') known.grantedAtMs ??= atMs;
  }

  #part({ type, part, p, name, atMs }: EventOf<'part'>): void {
    if (type === 'held') this.#parts.set(part, { p, name, fromMs: atMs, untilMs: Infinity });
    else this.#parts.get(part)!.untilMs = atMs;
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
