import type { AppProcess } from './app-process.js';
import { get, post } from './traffic.js';

export interface FrozenHolder {
  readonly groupId: string;
  /** How long the next one waited for the lock of the frozen holder, in ms. */
  readonly nextWaitedMs: number;
  readonly answer: { readonly status: number; readonly code: unknown };
  /** As the refusal tells them; undefined when there was none. */
  readonly frozenToken: number | undefined;
  readonly nextToken: number | undefined;
  readonly members: readonly string[];
  /** What the holder logged when it woke up, if it was quick enough to. */
  readonly noticed: string | undefined;
  /** Was the stale write refused, and nothing of it kept? */
  readonly refused: boolean;
}

/**
 * Process A imports members (a slow change under a lease of 1 s) and is frozen in the middle of it. Its lease runs out, process B
 * gets the lock and changes the group. A wakes up and writes what it has prepared from data that is out of date.
 */
export async function freezeHolder(
  [a, b]: readonly [AppProcess, AppProcess],
  run: string,
): Promise<FrozenHolder> {
  const created = await post(`${b.url}/groups`, { name: `${run} frozen`, seats: 3 });
  const groupId = String(created.body['groupId']);
  const importing = post(`${a.url}/groups/${groupId}/import`, {
    userIds: ['late-1', 'late-2', 'late-3'],
    workMs: 2_000,
  });
  await a.untilLine(`import: has read group ${groupId}`);
  a.freeze();
  const startedMs = performance.now();
  const joined = await post(`${b.url}/groups/${groupId}/members`, { userId: 'bob' });
  const nextWaitedMs = performance.now() - startedMs;
  if (joined.status !== 201) throw new Error(`the next one did not get the lock: ${JSON.stringify(joined)}`);
  a.wake();

  const { status, body } = await importing;
  const members = await get<string[]>(`${b.url}/groups/${groupId}/members`);
  const { fencingToken: frozenToken, newestToken: nextToken } = body as Partial<Record<string, number>>;
  const smaller = frozenToken !== undefined && nextToken !== undefined && frozenToken < nextToken;
  const refused = status === 409 && body['code'] === 'STALE_WRITE' && smaller && members.join() === 'bob';
  const noticed = a.lines.findLast((line) => line.includes('import: lease'))?.replace(/^.*import: /, '');
  return {
    groupId,
    nextWaitedMs,
    answer: { status, code: body['code'] },
    frozenToken,
    nextToken,
    members,
    noticed,
    refused,
  };
}
