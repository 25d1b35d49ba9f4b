import { redactPasswords } from '../lock-errors.js';

/** What was thrown, in words. It may be anything, also something that throws again when it is shown. */
export function textOf(thrown: unknown): string {
  try {
    return redactPasswords(String(thrown));
  } catch {
    return 'something that cannot be shown';
  }
}

/** For what a listener throws where nobody can catch it: one listener must not hurt a lock, nor those who come after it. */
export function warnOfThrown(who: string, thrown: unknown): void {
  process.emitWarning(`${who} threw: ${textOf(thrown)}`, 'DistributedLockWarning');
}
