import type { LockMode } from '../lock-store.js';

/** How somebody has a name, or wants it. */
export interface Access {
  readonly mode: LockMode;
  /** A permit of a limit, of this weight; undefined: there is no limit. */
  readonly limit?: number | undefined;
  readonly weight?: number | undefined;
}

/**
 * Who may have a name beside whom: shared locks and their upgradeable form as in J. Gray et al., «Granularity of Locks and Degrees of
 * Consistency in a Shared Data Base», 1975 (U: at most one, beside S); permits while the sum of their weights is within the limit.
 *
 * @param limit the one in force
 */
export function fits(wanted: Access, holders: Iterable<Access>, limit: number): boolean {
  let [used, isEmpty, hasUpgradeable] = [0, true, false];
  for (const holder of holders) {
    if (isWhole(holder)) return false;
    isEmpty = false;
    used += holder.weight ?? 1;
    hasUpgradeable ||= holder.mode === 'upgradeable';
  }
  if (isWhole(wanted)) return isEmpty;
  if (wanted.limit !== undefined) return used + (wanted.weight ?? 1) <= limit;
  return wanted.mode === 'shared' || !hasUpgradeable;
}

/** Is it all of the name, whatever others want? */
export function isWhole({ mode, limit }: Access): boolean {
  return mode === 'exclusive' && limit === undefined;
}

/** Readers and writers, or a limit: one name cannot be used both ways at once. An exclusive lock goes with either. */
export function excludesUse(wanted: Access, other: Access): boolean {
  if (isWhole(wanted) || isWhole(other)) return false;
  return (wanted.limit === undefined) !== (other.limit === undefined);
}
