import { type Edit, type Mutant, suite } from './mutant.js';

const LINE = 'lib/waiting/line.ts';
const SIGNAL = 'lib/caller-signal.ts';
const EVENTS = 'lib/lock-events.ts';
const CALL = 'src/call/locked-call.ts';
const OPEN_WORK = 'src/call/open-work.ts';
const SIGNALS = 'test/engine/caller-signal.spec.ts';
const CLOSING = 'test/engine/lock-manager-closing.spec.ts';
const VALUES = 'test/nest/hostile-values.spec.ts';

const off = (file: string, find: string, put = ''): readonly Edit[] => [{ file, find, put }];

/** Protections against what the objects of a caller, or of a foreign store, throw; and against too many listeners on them. */
export const callerMutants: readonly Mutant[] = [
  {
    name: 'caller: a signal is listened to before its waiter is in the line',
    edits: off(
      'lib/waiting/local-queue.ts',
      'const lease = waiter.begin(this.alarms);\n    this.#append(waiter);\n    return lease;',
      'this.#append(waiter);\n    return waiter.begin(this.alarms);',
    ),
    suites: [suite(SIGNALS, 'nobody is in the line with it')],
  },
  {
    name: 'caller: a signal that cannot be left takes no grant with it',
    edits: off(
      SIGNAL,
      "    } catch {\n      // Whoever waited has its answer; what is left on the caller's object tells nobody.\n    }",
      '    } finally {\n    }',
    ),
    suites: [suite(SIGNALS, 'whose removeEventListener throws')],
  },
  {
    name: 'caller: a signal that calls back at once is heard',
    edits: off(SIGNAL, 'if (this.#attaching) queueMicrotask(this.#hear);\n    else ', ''),
    suites: [suite(SIGNALS, 'its reason; and')],
  },
  {
    name: 'caller: a signal that was aborted since the call is seen',
    edits: off(SIGNAL, 'if (signal.aborted) throw signal.reason;'),
    suites: [suite(SIGNALS, 'a listener of «waiting»')],
  },
  {
    name: 'caller: one listener for all who wait by a signal',
    edits: off(
      SIGNAL,
      'if (this.isUnheard) this.#attach();',
      "this.source.addEventListener('abort', () => this.#hear());",
    ),
    suites: [suite(SIGNALS, 'one listener of ours')],
  },
  {
    name: 'caller: the listener goes with the last who waits',
    edits: off(SIGNAL, 'if (!this.isUnheard) return;', 'if (this.isUnheard) return;'),
    suites: [suite(SIGNALS, 'one listener of ours')],
  },
  {
    name: 'no listener is left on the signal of one who tries',
    edits: off(LINE, "if (leave !== undefined) signal?.removeEventListener('abort', leave);"),
    suites: [suite(SIGNALS, 'only tries')],
  },
  {
    name: 'caller: a listener of an abort that throws hurts nobody',
    edits: off(
      'lib/runtime/stop-signal.ts',
      "  try {\n    listener();\n  } catch (error) {\n    warnOfThrown('a listener of an aborted wait', error);\n  }",
      '  listener();',
    ),
    suites: [suite(CLOSING, 'when its waits are ended')],
  },
  {
    name: 'closing goes on whatever a foreign store does',
    edits: off(
      'lib/runtime/attempt.ts',
      '.catch((error: unknown) => tell(`closing the store failed: ${textOf(error)}`))',
    ),
    suites: [suite(CLOSING, 'never rejects')],
  },
  {
    name: 'caller: a listener of events that rejects is caught',
    edits: off(
      EVENTS,
      'if (isThenable(result)) result.then(undefined, (error: unknown) => warnOfListener(event, error));',
    ),
    suites: [suite('test/engine/lock-events.spec.ts', 'cannot be shown')],
  },
  {
    name: 'caller: a result that throws when it is looked at gives the lock back',
    edits: off(
      CALL,
      'return isThenable(result) ? result.then(settle, fail) : settle(result);\n  } catch (error) {',
      "return isThenable(result) ? result.then(settle, fail) : settle(result);\n  } catch (error) {\n    if (String(error).includes('look at me')) throw error;",
    ),
    suites: [suite(VALUES, 'over HTTP on express')],
  },
  {
    name: 'caller: a stream that cannot be listened to gives the lock back',
    edits: off(OPEN_WORK, '    this.retainUntilClosed();\n    release();', '    this.retainUntilClosed();'),
    suites: [suite(VALUES, 'a stream that cannot be listened to')],
  },
  {
    name: 'caller: one listener on a response, however often it is tried',
    edits: off(
      'src/transports/response-watch.ts',
      '(raw[WATCH] ??= new ResponseWatch(raw))',
      'new ResponseWatch(raw)',
    ),
    suites: [suite(VALUES, 'sixteen times')],
  },
  {
    name: 'caller: one listener on a stream that many calls return',
    edits: off('src/call/stream-like.ts', 'if (known !== undefined) return known;'),
    suites: [suite(VALUES, 'one and the same stream')],
  },
];
