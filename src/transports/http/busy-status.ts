import { processWide } from '../../../lib/index.js';

/** Of the process: the filter may be of another copy of this package than the decorator. */
const busyStatuses = processWide('busy-statuses', () => new WeakMap<object, number>());

/** @param status what the decorator wants this error to be answered with */
export function rememberBusyStatus(error: object, status: number): void {
  busyStatuses.set(error, status);
}

/** The status that the decorator wants for this error; undefined: it comes from no `@Locked`. */
export function busyStatusOf(error: object): number | undefined {
  return busyStatuses.get(error);
}
