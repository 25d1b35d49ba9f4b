import { describeValue, LockUsageError } from './lock-errors.js';
import { invalid } from './option-checks.js';
import { Stop } from './runtime/stop-signal.js';
import type { StopSignal } from './stores/lock-store.js';
import { textOf } from './runtime/thrown.js';

/** Of this process and not of a manager: an application may have many managers and one signal for all of them. */
const relays = new WeakMap<object, Relay>();

/**
 * What the engine uses in the place of a caller's signal. Nothing behind it, no line and no store, ever touches the object of the
 * caller, which may be anything and throw at any moment.
 *
 * @throws LockUsageError LOCK_OPTIONS_INVALID for what is no signal
 */
export function stopOf(signal: unknown, place: () => string): Stop {
  if (Stop.isOne(signal)) return signal;
  if (!isObject(signal)) throw invalid(place(), ['signal', signal], AN_ABORT_SIGNAL);
  const known = relays.get(signal);
  if (known !== undefined) return known;
  const problem = problemOf(signal);
  if (problem !== undefined) {
    const message = `${place()}: signal must be ${AN_ABORT_SIGNAL}, got ${problem}`;
    throw new LockUsageError('LOCK_OPTIONS_INVALID', message);
  }
  const relay = new Relay(signal as StopSignal);
  relays.set(signal, relay);
  return relay;
}

/**
 * Listens for one wait. To be called before anything knows of the wait.
 *
 * @throws `signal.reason` when it is aborted already · LockUsageError when the caller's object cannot be listened to
 */
export function listenTo(signal: Stop, listener: () => void, lockName: string): void {
  if (signal.aborted) throw signal.reason;
  try {
    signal.addEventListener('abort', listener);
  } catch (error) {
    const message = `lock "${lockName}": signal must be ${AN_ABORT_SIGNAL}, but its addEventListener threw: ${textOf(error)}`;
    throw new LockUsageError('LOCK_OPTIONS_INVALID', message, { lockName });
  }
}

const AN_ABORT_SIGNAL = 'an AbortSignal (the `signal` of an AbortController)';

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

/** What makes it no signal, if anything does. */
function problemOf(signal: object): string | undefined {
  try {
    const { aborted, addEventListener, removeEventListener } = signal as Record<string, unknown>;
    if (typeof addEventListener !== 'function') return 'an object without a method addEventListener';
    if (typeof removeEventListener !== 'function') return 'an object without a method removeEventListener';
    if (typeof aborted !== 'boolean') return `an object whose \`aborted\` is ${describeValue(aborted)}`;
    return undefined;
  } catch (error) {
    return `an object that throws when it is read: ${textOf(error)}`;
  }
}

/**
 * One caller's signal, for everybody who waits by it. It has one listener of ours however many they are (Node warns of a leak from the
 * eleventh on, and to change that limit would be to change what is not ours), and none while nobody waits. Only listening can throw.
 */
class Relay extends Stop {
  #attaching = false;

  constructor(private readonly source: StopSignal) {
    super();
  }

  /** Asked for, because nobody listens between two waits. */
  override get aborted(): boolean {
    if (!super.aborted && isAborted(this.source)) this.abort(reasonOf(this.source));
    return super.aborted;
  }

  /** @throws what the source throws; then nobody has been added */
  override addEventListener(type: 'abort', listener: () => void): void {
    if (this.isUnheard) this.#attach();
    super.addEventListener(type, listener);
  }

  override removeEventListener(type: 'abort', listener: () => void): void {
    super.removeEventListener(type, listener);
    if (!this.isUnheard) return;
    try {
      this.source.removeEventListener('abort', this.#hear);
    } catch {
      // Whoever waited has its answer; what is left on the caller's object tells nobody.
    }
  }

  #attach(): void {
    this.#attaching = true;
    try {
      this.source.addEventListener('abort', this.#hear);
    } finally {
      this.#attaching = false;
    }
  }

  readonly #hear = (): void => {
    // One that calls back from inside of addEventListener is heard when the wait it is to end has begun.
    if (this.#attaching) queueMicrotask(this.#hear);
    else this.abort(reasonOf(this.source));
  };
}

function isAborted(source: StopSignal): boolean {
  try {
    return source.aborted;
  } catch {
    return false;
  }
}

/** An old or a foreign signal may know no reason: then the one that AbortController gives. */
function reasonOf(source: StopSignal): unknown {
  try {
    const { reason } = source;
    return reason === undefined ? new DOMException('This operation was aborted', 'AbortError') : reason;
  } catch (error) {
    return error;
  }
}
