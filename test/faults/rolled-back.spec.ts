import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { SCRIPTS } from '../../lib/stores/redis/redis-scripts.generated.js';
import { RedisWorkbench } from '../support/redis-workbench.js';

const bench = new RedisWorkbench();
beforeAll(() => bench.start());
afterEach(() => bench.clean());
afterAll(() => bench.stop());

const STATE = 'lock:{group:1}';

/** As after a power loss that tore off the end of the AOF, or a fail-over to a replica that lagged behind. */
async function rollBackTo(before: string): Promise<void> {
  await bench.raw.set(STATE, before, 'PX', 5_000);
}

async function state(): Promise<string> {
  return (await bench.raw.get(STATE)) ?? '';
}

describe('a server that forgot only the last seconds', () => {
  it('gives nobody a fencing token that it gave before: after a clean release', async () => {
    const locks = await bench.manager();
    await locks.using('group:1', () => undefined);
    const before = await state();
    const forgotten: number[] = [];
    for (let n = 0; n < 3; n++)
      await locks.using('group:1', (lease) => void forgotten.push(lease.fencingToken));
    await rollBackTo(before);
    const lease = await locks.acquire('group:1');
    expect(lease.fencingToken).toBeGreaterThan(Math.max(...forgotten));
  });

  it('gives nobody a fencing token that it gave before: at a release that is repeated', async () => {
    const [holder, other] = [await bench.manager(), await bench.manager()];
    const held = await holder.acquire('group:1');
    const before = await state();
    await held.release();
    const forgotten: number[] = [];
    for (let n = 0; n < 3; n++)
      await other.using('group:1', (lease) => void forgotten.push(lease.fencingToken));
    await rollBackTo(before);
    const next = other.acquire('group:1');
    await bench.queued('group:1');
    // Its reply was lost in the crash: sent again with the same bytes.
    const [script, queue, head] = [SCRIPTS.release.text, `${STATE}:q`, '00010000 00000000nonce '];
    const free = `f${before.slice(1, 33)}`;
    expect(await bench.raw.eval(script, 2, STATE, queue, head, before, free)).toBe(`${head}\n1`);
    expect((await next).fencingToken).toBeGreaterThan(Math.max(...forgotten));
  });
});
