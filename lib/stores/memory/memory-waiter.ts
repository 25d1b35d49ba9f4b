import type { AcquireRequest, Grant, StoreContext } from '../lock-store.js';

/** One store of one manager, as the shared state sees it: what a process is to a Redis server. */
export interface Member {
  readonly context: StoreContext;
  /** false: its waiters are skipped, because its manager is closing. */
  granting: boolean;
}

/** A place in a line. `granted` settles with the grant, or rejects with the reason with which the waiter left the queue. */
export interface Waiter {
  readonly outcome: 'queued';
  readonly request: AcquireRequest;
  readonly member: Member;
  readonly granted: Promise<Grant>;
  grant(grant: Grant): void;
  reject(reason: unknown): void;
}

export function newWaiter(member: Member, request: AcquireRequest): Waiter {
  let grant!: (grant: Grant) => void;
  let reject!: (reason: unknown) => void;
  const granted = new Promise<Grant>((resolve, rejectPromise) => {
    grant = resolve;
    reject = rejectPromise;
  });
  return { outcome: 'queued', request, member, granted, grant, reject };
}
