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
  const root = slash === -1 ? name : name.slice(0, slash);
  const rest = slash === -1 ? '' : name.slice(slash);
  const state = `${prefix}:{${escape(root, /[%{}\p{Cc}]/gu)}}${escape(rest, /[%{}:\p{Cc}]/gu)}`;
  return withQueue(state);
}

/** The keys of the lock whose state key this is. */
export function withQueue(state: string): LockKeys {
  return { state, queue: `${state}:q` };
}

/** Where a process hears of its grants. No name can reach it: names stand behind `prefix:{`. */
export function processChannel(prefix: string, processId: string): string {
  return `${prefix}:c:${processId}`;
}

/** For the start-up check only; of an empty root, which no name has. */
export function probeKeys(prefix: string, processId: string): LockKeys {
  return withQueue(`${prefix}:{}probe:${processId}`);
}

function escape(text: string, reserved: RegExp): string {
  return text.replaceAll(reserved, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
}
