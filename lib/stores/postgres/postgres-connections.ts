import type { Bounds } from '../mechanics/bounds.js';
import type { PostgresConnection, PostgresWanted } from './postgres-driver.js';

/** What a connection tells its owner. */
export type Told = Pick<PostgresWanted, 'onEnd' | 'onNotice'>;

/** Opens a connection that is as it must be. */
export type Opener = (told: Told) => Promise<PostgresConnection>;

/** A connection that comes too late is nobody's, and is closed. @throws what the server or the network says */
export async function openWithin(
  { open, bounds }: { readonly open: Opener; readonly bounds: Bounds },
  boundMs: number,
  told: Told,
): Promise<PostgresConnection> {
  const opened = open(told);
  try {
    return await bounds.within(boundMs, () => opened);
  } catch (error) {
    void opened.then(
      (late) => endWithin(bounds, late),
      () => undefined,
    );
    throw error;
  }
}

/** Does it keep the process alive? */
export function holdProcess(connection: PostgresConnection, keeps: boolean): void {
  const socket = connection.socket();
  if (keeps) socket?.ref?.();
  else socket?.unref?.();
}

/** Says goodbye, but waits for no server that does not answer. Never rejects. */
export async function endWithin(bounds: Bounds, connection: PostgresConnection): Promise<void> {
  await bounds.within(500, () => connection.end()).catch(() => undefined);
  connection.socket()?.destroy();
}
