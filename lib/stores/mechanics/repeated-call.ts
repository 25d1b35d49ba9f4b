import type { Connection, Doing } from './connection.js';
import { CallFailure, Tries } from './tries.js';

export interface CallPatience extends Doing {
  /** How long to try in all, in ms. */
  readonly boundMs: number;
  /** May it be sent again after a lost reply? Default: yes. */
  readonly once?: boolean;
}

/**
 * A command that travels alone. Everything a store sends may be executed twice, so one whose reply got lost is sent again with the same
 * bytes, within its bound; the caller learns whether anything may have been executed. One that is refused for a state that passes is
 * sent again too, at growing distances.
 *
 * @param send sends it once, and waits for the reply at most so long, in ms
 * @throws CallFailure
 */
export async function repeatedCall<T>(
  connection: Connection,
  { boundMs, once, ...doing }: CallPatience,
  send: (leftMs: number) => Promise<T>,
): Promise<T> {
  const { bounds } = connection;
  const tries = new Tries(bounds.nowMs() + boundMs);
  const leftMs = () => tries.endsAtMs - bounds.nowMs();
  for (;;) {
    try {
      if (!connection.isReady) await connection.reachable(leftMs());
      return await send(leftMs());
    } catch (error) {
      const isRefusal = connection.isRefusal(error);
      const delayMs = tries.failed(error, isRefusal);
      const mayHelp = isRefusal ? connection.isPassing(error) : once !== true;
      if (!mayHelp || !connection.mayRepeat(tries.endsAtMs, delayMs))
        throw new CallFailure(connection.storeError(tries.error, doing), tries.mayHaveRun);
      await bounds.pause(delayMs);
    }
  }
}
