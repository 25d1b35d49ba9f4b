import { AlarmClock } from '../runtime/alarm-clock.js';
import { EventLoopTurns } from '../runtime/event-loop-turns.js';
import { FleetingMap } from '../runtime/fleeting-map.js';
import { AcquireLine } from './acquire-line.js';
import type { LineContext } from './line-context.js';
import { endWaits } from './local-queue.js';

/** The lines of one manager: a name has one while somebody uses it. */
export class Lines {
  readonly #lines = new FleetingMap<string, AcquireLine>();
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

  /** undefined: nobody here uses this name. */
  find(name: string): AcquireLine | undefined {
    return this.#lines.get(name);
  }

  /** Everybody who waits leaves with this reason. */
  dismissAll(reason: Error): void {
    for (const line of this.#lines.values()) line.dismiss(reason);
  }
}
