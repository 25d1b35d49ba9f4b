import { AlarmClock } from '../runtime/alarm-clock.js';
import { EventLoopTurns } from '../runtime/event-loop-turns.js';
import { FleetingMap } from '../runtime/fleeting-map.js';
import { ExclusiveLine } from './exclusive-line.js';
import type { Line } from './line.js';
import type { LineContext } from './line-context.js';
import { endWaits } from './local-queue.js';
import { PermitLine } from './permit-line.js';
import { ReentryLine } from './reentry-line.js';
import { SharedLine } from './shared-line.js';
import type { AcquireSettings } from '../acquire-options.js';
import type { SingleLease } from '../holding/single-lease.js';

/** The lines of one manager: a name has one for each kind of lock while somebody uses it so. Between kinds the store decides. */
export class Lines {
  readonly #lines = new FleetingMap<string, Line>();
  /** Of leases that are entered again now. */
  readonly #inner = new Map<SingleLease, ReentryLine>();
  readonly #context: LineContext;

  constructor(given: Omit<LineContext, 'waits' | 'turns' | 'idle' | 'writerWaits'>) {
    const { clock } = given;
    this.#context = {
      ...given,
      waits: new AlarmClock(clock, endWaits),
      turns: new EventLoopTurns(clock),
      idle: (line) => void (this.#lines.get(line.key) === line && this.#lines.delete(line.key)),
      writerWaits: (name) => (this.#lines.get(name)?.waiting ?? 0) > 0,
    };
  }

  /** Made when there is none. */
  of(name: string, settings: AcquireSettings): Line {
    const kind = kindOf(settings);
    const key = keyOf(name, kind);
    let line = this.#lines.get(key);
    if (line === undefined) this.#lines.set(key, (line = new LINES[kind](name, this.#context, key)));
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

  /** Those that are in use for this name, of whatever kind. */
  find(name: string): Line[] {
    return KINDS.flatMap((kind) => this.#lines.get(keyOf(name, kind)) ?? []);
  }

  /** Everybody who waits leaves with this reason, but for those who are inside of a lease: its holder is to finish. */
  dismissAll(reason: Error): void {
    for (const line of this.#lines.values()) line.dismiss(reason);
  }
}

const LINES = {
  exclusive: ExclusiveLine,
  shared: SharedLine,
  upgradeable: ExclusiveLine,
  'intention-shared': SharedLine,
  'intention-exclusive': SharedLine,
  limited: PermitLine,
} as const;
type Kind = keyof typeof LINES;
const KINDS = Object.keys(LINES) as Kind[];

function kindOf({ mode, limit }: AcquireSettings): Kind {
  return limit === undefined ? mode : 'limited';
}

/** No name contains NUL. */
function keyOf(name: string, kind: Kind): string {
  return kind === 'exclusive' ? name : `${name}\0${kind}`;
}
