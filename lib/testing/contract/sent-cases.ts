import assert from 'node:assert/strict';
import type { Hold } from '../../stores/lock-store.js';
import type { ContractCases } from './contract-bench.js';
import type { PortProcess } from './port-process.js';

/** The first one of a connection may not be told; a store that never tells waits for each answer. */
const TRIES = 20;

/** What a store with `capabilities.releases: 'sent'` promises about the end of a hold that is on its way; and the others. */
export const sentCases: ContractCases = {
  'only a store that says so tells that a release is on its way, and it tells it before the answer': async (
    bench,
  ) => {
    const a = await bench.process();
    if (a.store.capabilities.releases === 'sent') {
      await released(await theTold(a));
      return;
    }
    const { hold } = await a.take('group:1');
    assert.equal((await sending(a, hold)).isTold, false);
  },

  'a release that is on its way is executed before whatever is asked for afterwards': async (bench) => {
    const locks = bench.manager({ release: 'sent' });
    const inOneGo = async () => {
      for (let round = 0; round < TRIES; round += 1) {
        await locks.using('group:1', () => undefined);
        const { acquired } = await locks.tryUsing('group:1', () => undefined);
        assert.equal(acquired, true, `round ${round}: our own release was not executed yet`);
      }
    };
    await bench.drive(inOneGo());
  },

  'a release that is on its way serves who waits in another process': async (bench) => {
    const [locks, a] = [bench.manager(), await bench.process()];
    for (let round = 0; round < 3; round += 1) {
      const lease = await bench.drive(locks.acquire('group:1', { release: 'sent' }));
      const next = await a.queue('group:1');
      await bench.drive(lease.using(() => undefined));
      const { hold } = await bench.drive(next.answer);
      assert.ok(hold.fencingToken > lease.fencingToken);
      assert.equal(await bench.drive(a.release(hold)), 'released');
    }
  },

  'closing waits for a release that is on its way': whereItSends(async (bench) => {
    const [a, b] = await bench.fourProcesses();
    const told = await theTold(a);
    await bench.drive(a.store.close(), 'the store to close');
    await b.take(told.hold.name);
    await released(told);
  }),

  'close: what `using` has sent is executed, and nothing is told afterwards': async (bench) => {
    const [locks, a] = [bench.manager(), await bench.process()];
    let [told, toldAtEnd] = [0, 0];
    locks.on('released', () => (told += 1));
    const names = ['group:1', 'group:2', 'group:3', 'group:1'];
    for (const name of names)
      await bench.drive(
        locks.using(name, () => undefined, { release: 'sent' }),
        `the work under ${name}`,
      );
    await bench.drive(locks.close().then(() => (toldAtEnd = told)));
    assert.deepEqual([told, toldAtEnd], [names.length, names.length]);
    for (const name of names.slice(1)) await a.take(name);
  },

  'the end of a slice is told, too, before its answer': async (bench) => {
    const a = await bench.process();
    if (a.store.yieldOrKeep === undefined || a.store.capabilities.releases !== 'sent') return;
    const { hold } = await a.take('group:1');
    let [isAnswered, toldBefore] = [false, 0];
    const onSent = () => void (toldBefore += isAnswered ? 0 : 1);
    for (let round = 0; round < TRIES && toldBefore === 0; round += 1) {
      isAnswered = false;
      const kept = a.keep(hold, { onSent }).finally(() => (isAnswered = true));
      await bench.drive(kept, 'the hold to be kept');
    }
    assert.equal(toldBefore, 1);
  },

  'a hold that was lost is refused, although its release was on its way': whereItSends(async (bench) => {
    const [a, b] = await bench.fourProcesses();
    await released(await theTold(a));
    const { hold } = await a.take('group:1');
    await b.store.forceRelease('group:1', 'stuck');
    const { answer } = await sending(a, hold);
    assert.equal((await bench.drive(answer)).outcome, 'refused');
  }),
};

interface Sending {
  readonly hold: Hold;
  readonly isTold: boolean;
  readonly answer: ReturnType<PortProcess['store']['release']>;
}

/** Gives the hold back, and resolves when that is on its way, or answered. */
async function sending({ store }: PortProcess, hold: Hold): Promise<Sending> {
  let isTold = false;
  let tell!: () => void;
  const told = new Promise<void>((resolve) => (tell = resolve));
  const answer = store.release(hold, () => {
    isTold = true;
    tell();
  });
  await Promise.race([told, answer]);
  return { hold, isTold, answer };
}

/** A release that is on its way, of a store that can say so. */
async function theTold(process: PortProcess): Promise<Sending> {
  for (let round = 0; round < TRIES; round += 1) {
    const { hold } = await process.take(`told:${round}`);
    const given = await sending(process, hold);
    if (given.isTold) return given;
  }
  return assert.fail(`the store says that it can tell, but did not tell of ${TRIES} releases`);
}

async function released({ answer }: Sending): Promise<void> {
  assert.equal((await answer).outcome, 'released');
}

/** A store may only confirm: then these have nothing to show. */
function whereItSends(run: ContractCases[string]): ContractCases[string] {
  return async (bench) => {
    const { store } = await bench.process();
    if (store.capabilities.releases === 'sent') await run(bench);
  };
}
