import { setImmediate } from 'node:timers';
import { EventHeap, type Happening } from './event-heap.js';

/** Somebody whose code runs in turns, one at a time, and who may be unable to run for a while. */
export interface Actor {
  /** false: gone for ever, its events come to nothing. */
  readonly alive: boolean;
  /** In virtual time; what happens before it waits until then. */
  readonly blockedUntilMs: number;
  beginTurn(): void;
  endTurn(): void;
}

export interface WorldEvent extends Happening {
  readonly action: () => void;
  readonly actor: Actor | undefined;
  /** What wakes an actor up: a timer of its own, or something that arrived. */
  readonly kind: 'timer' | 'arrival';
}

/** All promises that can settle have settled when it resolves: Node empties its microtasks before each immediate. */
function promisesSettled(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/**
 * Virtual time and everything that happens in it, one event after another in an order that depends on nothing but the seed: no real
 * clock, no real timer. After each turn of a process its promises settle before anything else happens, as in Node's own event loop.
 */
export class VirtualWorld {
  #nowMs = 0;
  #order = 0;
  readonly #events = new EventHeap<WorldEvent>();
  readonly #backlogs = new Map<Actor, WorldEvent[]>();
  /** How many turns were taken. */
  turns = 0;
  /** What was thrown out of a timer or a socket's listener: in Node, the end of the process. */
  readonly thrown: unknown[] = [];

  /** @param timersFirst after a freeze: does the loop run due timers first, or what arrived? Both happen in Node. */
  constructor(private readonly timersFirst: () => boolean) {}

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Cancel by setting `cancelled`. */
  at(atMs: number, action: () => void, by?: { actor?: Actor; kind?: WorldEvent['kind'] }): WorldEvent {
    const event: WorldEvent = {
      atMs: Math.max(atMs, this.#nowMs),
      order: this.#order++,
      cancelled: false,
      action,
      actor: by?.actor,
      kind: by?.kind ?? 'arrival',
    };
    if (atMs !== Infinity) this.#events.push(event);
    return event;
  }

  after(delayMs: number, action: () => void, by?: { actor?: Actor; kind?: WorldEvent['kind'] }): WorldEvent {
    return this.at(this.#nowMs + delayMs, action, by);
  }

  /** Lets everything happen that happens until then, or until `done`. */
  async runUntil(endMs: number, done: () => boolean = () => false): Promise<void> {
    while (!done()) {
      const next = this.#events.peek();
      if (next === undefined || next.atMs > endMs) break;
      this.#events.pop();
      if (next.cancelled) continue;
      this.#nowMs = next.atMs;
      if (next.actor === undefined) next.action();
      else await this.#turn(next, next.actor);
    }
    if (!done() && endMs !== Infinity) this.#nowMs = Math.max(this.#nowMs, endMs);
  }

  async #turn(event: WorldEvent, actor: Actor): Promise<void> {
    if (!actor.alive) return;
    if (actor.blockedUntilMs > this.#nowMs || this.#backlogs.has(actor)) {
      this.#postpone(event, actor);
      return;
    }
    await this.#run(event, actor);
  }

  async #run(event: WorldEvent, actor: Actor): Promise<void> {
    this.turns += 1;
    actor.beginTurn();
    try {
      event.action();
    } catch (error) {
      this.thrown.push(error);
    }
    await promisesSettled();
    actor.endTurn();
  }

  /** Whatever comes while somebody cannot run comes all at once when it can. */
  #postpone(event: WorldEvent, actor: Actor): void {
    const backlog = this.#backlogs.get(actor);
    if (backlog !== undefined) {
      backlog.push(event);
      return;
    }
    this.#backlogs.set(actor, [event]);
    this.#wakeLater(actor);
  }

  #wakeLater(actor: Actor): void {
    // An event without an actor, because an actor's own would be postponed again. It runs one postponed event and comes back.
    this.at(actor.blockedUntilMs, () => this.#wake(actor));
  }

  #wake(actor: Actor): void {
    const backlog = this.#backlogs.get(actor) ?? [];
    if (!actor.alive) {
      this.#backlogs.delete(actor);
      return;
    }
    if (actor.blockedUntilMs > this.#nowMs) {
      this.#wakeLater(actor);
      return;
    }
    if (this.timersFirst()) backlog.sort((a, b) => rank(a) - rank(b));
    this.#backlogs.delete(actor);
    // At this very instant and before anything else of this actor: their order numbers are the next ones.
    for (const event of backlog) if (!event.cancelled) this.#again(event);
  }

  /** The same event object, so that its owner can still cancel it. */
  #again(event: WorldEvent): void {
    this.#events.push(Object.assign(event, { atMs: this.#nowMs, order: this.#order++ }));
  }
}

function rank(event: WorldEvent): number {
  return event.kind === 'timer' ? 0 : 1;
}
