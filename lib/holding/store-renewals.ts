import { attempt } from '../runtime/attempt.js';
import type { LockStore, RenewOutcome, RenewRequest } from '../stores/lock-store.js';

/** The renewals of a store, whatever it does: an outcome for each request, and never a rejection. */
export function renewalsOf(store: LockStore): (requests: readonly RenewRequest[]) => Promise<RenewOutcome[]> {
  return (requests) => {
    const failed = (error: Error) => requests.map(() => ({ outcome: 'unknown' as const, error }));
    const checked = (outcomes: RenewOutcome[]) =>
      outcomes.length === requests.length
        ? outcomes
        : failed(new Error('the store left renewals unanswered'));
    return attempt(() => store.renew(requests))
      .then(checked)
      .catch(failed);
  };
}
