/** The keys of one lock. All of them share one hash slot, and each is passed in KEYS, so that an ioredis `keyPrefix` applies. */
export interface LockKeys {
  readonly state: string;
  readonly queue: string;
}

/**
 * `prefix:{root}rest` and `prefix:{root}rest:q`. The root is the name up to its first `/` (a leading one belongs to the root), so
 * that everything below one root lies in one slot of a cluster.
 *
 * Two names never share a key: `{` `}` `%` and control characters are escaped everywhere, so the tag cannot be subverted by an id
 * such as `}`; in the rest `:` is escaped too, so that `a/b:q` is not the queue of `a/b`.
 */
export function lockKeys(prefix: string, name: string): LockKeys {
  const slash = name.indexOf('/', 1);
  if (slash === -1) return withQueue(`${prefix}:{${escape(name, IN_ROOT)}}`);
  return withQueue(
    `${prefix}:{${escape(name.slice(0, slash), IN_ROOT)}}${escape(name.slice(slash), IN_REST)}`,
  );
}

/** The keys of the lock whose state key this is. */
export function withQueue(state: string): LockKeys {
  return { state, queue: `${state}:q` };
}

/** The keys of the general gate of one lock: those of {@link LockKeys}, and what scripts/PROTOCOL.md calls `:q2`, `:h`, `:i` and `:l`. */
export interface GateKeys extends LockKeys {
  readonly waiting: string;
  readonly holders: string;
  readonly records: string;
  readonly limit: string;
}

/** The keys of the gate of the lock whose state key this is. */
export function gateKeys(state: string): GateKeys {
  return {
    ...withQueue(state),
    waiting: `${state}:q2`,
    holders: `${state}:h`,
    records: `${state}:i`,
    limit: `${state}:l`,
  };
}

/**
 * The mark of a release that knows the general gate. An older one has none: what it holds or waits for is never moved to a gate, where it
 * would read «lost». No owner token begins with it, so no id of an older process does.
 */
const KNOWS_GATES = '~';

/** Where a process hears of its grants. No name can reach it: names stand behind `prefix:{`. */
export function processChannel(prefix: string, processId: string): string {
  return `${prefix}:c:${KNOWS_GATES}${processId}`;
}

/** For the start-up check only; of an empty root, which no name has. */
export function probeKeys(prefix: string, processId: string): LockKeys {
  return withQueue(`${prefix}:{}probe:${processId}`);
}

/** Without the flag `u`, which makes the test of a plain name, the usual one, several times slower. */
// oxlint-disable-next-line no-control-regex -- they are what is looked for
const IN_ROOT = /[%{}\u0000-\u001f\u007f-\u009f]/;
// oxlint-disable-next-line no-control-regex -- as above
const IN_REST = /[%{}:\u0000-\u001f\u007f-\u009f]/;

function escape(text: string, reserved: RegExp): string {
  if (!reserved.test(text)) return text;
  return text.replaceAll(
    new RegExp(reserved, 'g'),
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}
