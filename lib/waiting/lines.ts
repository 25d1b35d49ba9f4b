import { AlarmClock } from '../runtime/alarm-clock.js';
import { EventLoopTurns } from '../runtime/event-loop-turns.js';
import { FleetingMap } from '../runtime/fleeting-map.js';
import { AcquireLine } from './acquire-line.js';
import type { LineContext } from './line-context.js';
import { endWaits } from './local-queue.js';
import { ReentryLine } from './reentry-line.js';
import type { SingleLease } from '../holding/single-lease.js';

/** The lines of one manager: a name has one while somebody uses it. */
export class Lines {
  readonly #lines = new FleetingMap<string, AcquireLine>();
  /** Of leases that are entered again now. */
  readonly #inner = new Map<SingleLease, ReentryLine>();
  readonly #context: LineContext;

  constructor(given: Omit<LineContext, 'waits' | 'turns' | 'idle'>) {
    const { clock } = given;
    this.#context = {
      ...given,
      waits: new AlarmClock(clock, endWaits),
      turns: new EventLoopTurns(clock),
      idle: (line) => void (this.#lines.get(line.name) === line && this.#lines.delete(line.name)),
    };
  }

  /** Made when there is none. */
  of(name: string): AcquireLine {
    let line = this.#lines.get(name);
    if (line === undefined) this.#lines.set(name, (line = new AcquireLine(name, this.#context)));
    return line;
  }

  /** Of those who enter this lease again. Made when there is none. */
  within(outer: SingleLease): ReentryLine {
    let line = this.#inner.get(outer);
    if (line === undefined) {
      const idle = () => void this.#inner.delete(outer);
      this.#inner.set(outer, (line = new ReentryLine(outer, this.#context, idle)));
    }
    return line;
  }

  /** undefined: nobody here uses this name. */
  find(name: string): AcquireLine | undefined {
    return this.#lines.get(name);
  }

  /** Everybody who waits leaves with this reason, but for those who are inside of a lease: its holder is to finish. */
  dismissAll(reason: Error): void {
    for (const line of this.#lines.values()) line.dismiss(reason);
  }
}
