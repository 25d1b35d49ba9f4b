import { LockStoreError } from '../../lock-errors.js';
import type { AcquireRequest, StopSignal } from '../lock-store.js';
import type { Connection } from './connection.js';
import { paceMs } from './tries.js';

/** What can be asked once it is ready. */
export interface Startable {
  readonly link: Connection;
  /** Connects and checks; rejects with what is wrong. */
  ready(): Promise<void>;
}

/** Who asks, when the session is not ready yet. */
interface Asker {
  /** How long a request that does not wait is tried in all, in ms. */
  readonly commandMs: number;
  readonly request?: AcquireRequest;
  readonly signal?: StopSignal;
}

/**
 * For the first requests: resolves when the session is ready. A state of the server that passes (it loads its data, somebody's script
 * runs) is waited for: by one who waits for the lock until he is told to stop, by others as long as one command may take.
 *
 * @throws as `session.ready()`; `signal.reason`
 */
export async function untilReady(session: Startable, { commandMs, request, signal }: Asker): Promise<void> {
  const { link } = session;
  const endsAtMs = request?.wait === true ? Infinity : link.bounds.nowMs() + commandMs;
  for (let refusals = 0; ; refusals++) {
    try {
      return await session.ready();
    } catch (error) {
      const delayMs = paceMs(refusals);
      if (!link.isPassing(error) || !link.mayRepeat(endsAtMs, delayMs)) throw error;
      if (error instanceof LockStoreError) request?.onWaiting?.({ error });
      await link.bounds.pause(delayMs);
    }
    if (signal?.aborted) throw signal.reason;
  }
}
