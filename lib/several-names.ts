import { describeValue, LockUsageError } from './lock-errors.js';
import { canonicalName } from './lock-name.js';
import { checkKeys, invalid } from './option-checks.js';
import type { LockMode } from './stores/lock-store.js';

/** One of the names of a call, with what it is asked for by itself; what is left out comes from the options of the call. */
export interface NamedLock {
  readonly name: string;
  /** As `AcquireOptions.mode`. */
  readonly mode?: LockMode | undefined;
}

/** What is to be locked: one name; or a list of names, all of them or none. At most 100; a name that stands there twice counts once. */
export type LockNames = string | readonly (string | NamedLock)[];

/** More at once would keep a server, and everybody who waits for one of them, for too long. */
export const MAX_NAMES = 100;

const NAMED_LOCK_FIELDS = ['name', 'mode'];

/**
 * What a caller gave, checked and canonical, in its order. A text: it is one name.
 *
 * @throws LockUsageError LOCK_NAME_INVALID, LOCK_OPTIONS_INVALID
 */
export function checkNames(given: unknown): string | readonly NamedLock[] {
  if (!Array.isArray(given)) return canonicalName(given);
  const list = given as readonly unknown[];
  if (list.length === 1 && typeof list[0] === 'string') return canonicalName(list[0]);
  if (list.length === 0)
    throw new LockUsageError(
      'LOCK_NAME_INVALID',
      'a list of lock names must not be empty; give at least one name',
    );
  return Array.from(list, namedLock); // not its own `map`, which may give anything
}

/**
 * Each name once, in the one order in which everybody takes several, so that no two wait for each other: that of the bytes of UTF-8,
 * which does not depend on a language or a locale.
 *
 * @param usual the mode of those that say none
 * @param place for messages: `acquire("a", "b")`
 * @throws LockUsageError LOCK_NAME_INVALID, LOCK_OPTIONS_INVALID
 */
export function inOrder(
  listed: readonly NamedLock[],
  usual: LockMode,
  place: () => string,
): { readonly name: string; readonly mode: LockMode }[] {
  const modes = new Map<string, LockMode>();
  for (const { name, mode = usual } of listed) {
    const known = modes.get(name) ?? mode;
    if (known !== mode) {
      const problem = `the name ${describeValue(name)} stands there with mode ${describeValue(known)} and with ${describeValue(mode)}; give it one of them`;
      throw new LockUsageError('LOCK_OPTIONS_INVALID', `${place()}: ${problem}`, { lockName: name });
    }
    modes.set(name, mode);
  }
  if (modes.size > MAX_NAMES) {
    const problem = `at most ${MAX_NAMES} names can be taken together, got ${modes.size}; lock one name that covers them, or take them in parts`;
    throw new LockUsageError('LOCK_NAME_INVALID', `${place()}: ${problem}`);
  }
  return [...modes].map(([name, mode]) => ({ name, mode })).toSorted((a, b) => byBytes(a.name, b.name));
}

/** For messages: `"a", "b", "c" and 97 more`. */
export function describeNames(names: readonly string[]): string {
  const shown = names.slice(0, 3).map(describeValue).join(', ');
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown;
}

/** What is asked of a lease on several names as if it had one. @param instead what to read: `names` */
export function severalNamesError(names: readonly string[], asked: string, instead: string): LockUsageError {
  const message = `lease.${asked} is for a lease on one name, and this one has ${names.length} (${describeNames(names)}); use lease.${instead}`;
  return new LockUsageError('LOCK_SEVERAL_NAMES', message);
}

/** By the bytes of UTF-8, which is by code points. JavaScript compares halves of surrogate pairs, and so puts U+1F512 before U+FFFD. */
export function byBytes(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const [left, right] = [a.charCodeAt(at), b.charCodeAt(at)];
    if (left !== right) return rank(left) - rank(right);
  }
  return a.length - b.length;
}

/** Half of a surrogate pair stands for a character beyond U+FFFF: behind all that are below. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

function namedLock(given: unknown): NamedLock {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    return { name: canonicalName(given) };
  const { name: givenName, mode } = given as { readonly name?: unknown; readonly mode?: unknown };
  const name = canonicalName(givenName);
  const place = () => `the lock ${describeValue(name)} of a list`;
  checkKeys(given, NAMED_LOCK_FIELDS, place);
  if (mode !== undefined && typeof mode !== 'string') throw invalid(place(), ['mode', mode], 'a text');
  return { name, mode: mode as LockMode | undefined };
}
