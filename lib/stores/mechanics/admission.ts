import { goTogether } from '../lock-modes.js';
import type { AccessMode } from '../lock-store.js';

/** How somebody has a name, or wants it. */
export interface Access {
  readonly mode: AccessMode;
  /** A permit of a limit, of this weight; undefined: there is no limit. */
  readonly limit?: number | undefined;
  readonly weight?: number | undefined;
}

/**
 * Who may have a name beside whom: by their modes, see lock-modes.ts; permits while the sum of their weights is within the limit.
 *
 * @param limit the one in force
 */
export function fits(wanted: Access, holders: Iterable<Access>, limit: number): boolean {
  let used = 0;
  for (const holder of holders) {
    if (isWhole(holder)) return false;
    if (wanted.limit === undefined && !goTogether(wanted.mode, holder.mode)) return false;
    used += holder.weight ?? 1;
  }
  return wanted.limit === undefined || used + (wanted.weight ?? 1) <= limit;
}

/** Is it all of the name, whatever others want? */
export function isWhole({ mode, limit }: Access): boolean {
  return mode === 'exclusive' && limit === undefined;
}

/** Readers and writers (and locks below it), or a limit: one name cannot be used both ways at once. An exclusive lock goes with either. */
export function excludesUse(wanted: Access, other: Access): boolean {
  if (isWhole(wanted) || isWhole(other)) return false;
  return (wanted.limit === undefined) !== (other.limit === undefined);
}
