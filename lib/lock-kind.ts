import type { AcquireSettings } from './acquire-options.js';
import { checkInteger, invalid, MAX_LIMIT } from './option-checks.js';
import type { AccessMode } from './stores/lock-store.js';

/** How a name is asked for: whom it lets in beside us. */
export type LockKind = Pick<AcquireSettings, 'mode' | 'limit' | 'weight'>;

const MODES: readonly AccessMode[] = ['exclusive', 'shared', 'upgradeable'];

/** @throws LockUsageError LOCK_OPTIONS_INVALID */
export function checkKind({ mode, limit, weight }: LockKind, place: () => string): void {
  if (!MODES.includes(mode)) throw invalid(place(), ['mode', mode], `one of ${MODES.join(', ')}`);
  if (limit === undefined) {
    if (weight !== 1) throw invalid(place(), ['weight', weight], 'left out where there is no limit');
    return;
  }
  checkInteger(place, ['limit', limit], { min: 1, max: MAX_LIMIT });
  checkInteger(place, ['weight', weight], { min: 1, max: limit });
  if (mode !== 'exclusive')
    throw invalid(
      place(),
      ['mode', mode],
      'left out where there is a limit: a name has readers and writers, or a limit',
    );
}
