import { describeValue, LockUsageError } from './lock-errors.js';
import { canonicalName } from './lock-name.js';
import { checkKind, type LockKind } from './lock-kind.js';
import { checkKeys } from './option-checks.js';
import type { LockMode } from './stores/lock-store.js';

/** One of the names of a call, with what it is asked for by itself; what is left out comes from the options of the call. */
export interface NamedLock {
  readonly name: string;
  /** As `AcquireOptions.mode`. */
  readonly mode?: LockMode | undefined;
  /** As `AcquireOptions.limit`. */
  readonly limit?: number | undefined;
  /** As `AcquireOptions.weight`. */
  readonly weight?: number | undefined;
}

/** A name, and how it is asked for. */
export interface OrderedName {
  readonly name: string;
  readonly kind: LockKind;
  /** Not asked for: it stands above one that is, see layers.ts. */
  readonly isAncestor?: true;
}

/** What is to be locked: one name; or a list of names, all of them or none. At most 100; a name that stands there twice counts once. */
export type LockNames = string | readonly (string | NamedLock)[];

/** More at once would keep a server, and everybody who waits for one of them, for too long. */
export const MAX_NAMES = 100;

const NAMED_LOCK_FIELDS = ['name', 'mode', 'limit', 'weight'];

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
 * @param usual for those that say nothing
 * @param place for messages: `acquire("a", "b")`
 * @throws LockUsageError LOCK_NAME_INVALID, LOCK_OPTIONS_INVALID
 */
export function inOrder(listed: readonly NamedLock[], usual: LockKind, place: () => string): OrderedName[] {
  const kinds = new Map<string, LockKind>();
  for (const { name, ...own } of listed) {
    const kind = kindOf(own, usual, () => `${place()}: the name ${describeValue(name)}`);
    const known = kinds.get(name) ?? kind;
    if (describeKindOf(known) !== describeKindOf(kind)) {
      const problem = `the name ${describeValue(name)} stands there with ${describeKindOf(known)} and with ${describeKindOf(kind)}; give it one of them`;
      throw new LockUsageError('LOCK_OPTIONS_INVALID', `${place()}: ${problem}`, { lockName: name });
    }
    kinds.set(name, kind);
  }
  if (kinds.size > MAX_NAMES) {
    const problem = `at most ${MAX_NAMES} names can be taken together, got ${kinds.size}; lock one name that covers them, or take them in parts`;
    throw new LockUsageError('LOCK_NAME_INVALID', `${place()}: ${problem}`);
  }
  return [...kinds].map(([name, kind]) => ({ name, kind })).toSorted((a, b) => byBytes(a.name, b.name));
}

/** A limit of its own says everything; so does a mode of its own. */
function kindOf(own: Omit<NamedLock, 'name'>, usual: LockKind, place: () => string): LockKind {
  const { mode, limit, weight } = own;
  if (mode === undefined && limit === undefined && weight === undefined) return usual;
  const kind: LockKind = {
    mode: mode ?? (limit === undefined ? usual.mode : 'exclusive'),
    limit: limit ?? (mode === undefined ? usual.limit : undefined),
    weight: weight ?? 1,
  };
  checkKind(kind, place);
  return kind;
}

function describeKindOf({ mode, limit, weight }: LockKind): string {
  return limit === undefined ? `mode ${describeValue(mode)}` : `limit ${limit} and weight ${weight}`;
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
  const { name: givenName, mode, limit, weight } = given as NamedLock;
  const name = canonicalName(givenName);
  checkKeys(given, NAMED_LOCK_FIELDS, () => `the lock ${describeValue(name)} of a list`);
  return { name, mode, limit, weight };
}
