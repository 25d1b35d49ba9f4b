import { describeValue, LockUsageError } from './lock-errors.js';
import { byBytes, type OrderedName } from './several-names.js';
import { covers, intentionOf } from './stores/lock-modes.js';

/** Each level is one more lock of the call. */
const MAX_LEVELS = 16;

/**
 * The names above this one, from the root on: of `group:42/thread:1/message:7` these are `group:42` and `group:42/thread:1`. Empty: it is a
 * root itself.
 *
 * @throws LockUsageError LOCK_NAME_INVALID
 */
export function ancestorsOf(name: string): string[] {
  const levels = name.split('/');
  if (levels.includes('')) {
    const problem = 'with layers a name must have something before, between and behind its slashes';
    throw new LockUsageError('LOCK_NAME_INVALID', `lock name ${describeValue(name)}: ${problem}`);
  }
  if (levels.length > MAX_LEVELS) {
    const problem = `with layers a name may have at most ${MAX_LEVELS} levels, this one has ${levels.length}`;
    throw new LockUsageError('LOCK_NAME_INVALID', `lock name ${describeValue(name)}: ${problem}`);
  }
  return levels.slice(1).map((_, at) => levels.slice(0, at + 1).join('/'));
}

/** Does the one stand above the other? */
export function isAbove(above: string, name: string): boolean {
  return name.startsWith(`${above}/`);
}

/**
 * With each name what is above it, in the intention mode that its own mode asks for, and the stronger one where two ask: so they are taken
 * from the root down, as in Gray's protocol, which is also the order in which everybody takes several names.
 *
 * @throws LockUsageError LOCK_NAME_INVALID, LOCK_OPTIONS_INVALID
 */
export function withAncestors(names: readonly OrderedName[], place: () => string): OrderedName[] {
  const all = new Map(names.map((each) => [each.name, each]));
  for (const { name, kind } of names) {
    const mode = intentionOf(kind.mode);
    for (const ancestor of ancestorsOf(name)) {
      const known = all.get(ancestor);
      if (known === undefined || covers(mode, known.kind.mode)) {
        all.set(ancestor, { name: ancestor, kind: { mode, limit: undefined, weight: 1 }, isAncestor: true });
      } else if (known.kind.limit !== undefined || !covers(known.kind.mode, mode)) {
        throw cannotHaveBoth(known, name, place);
      }
    }
  }
  return [...all.values()].toSorted((a, b) => byBytes(a.name, b.name));
}

/** A list asks for a name and, below it, for what that lock does not cover. */
function cannotHaveBoth({ name, kind }: OrderedName, below: string, place: () => string): LockUsageError {
  const how = kind.limit === undefined ? `mode ${describeValue(kind.mode)}` : 'a limit';
  const problem = `the name ${describeValue(name)} stands there with ${how}, which does not go with ${describeValue(below)} below it; ask for it exclusively, or leave one of them out`;
  return new LockUsageError('LOCK_OPTIONS_INVALID', `${place()}: ${problem}`, { lockName: name });
}
