import { Redis } from 'ioredis';

import { floor } from '../../adapters/floor.js';
import { role } from '../../child/role.js';
import { openManager } from '../parties.js';
import { ServerCosts } from '../server-costs.js';

/** Takes and gives back, for the `n`th time. */
type Pair = (n: number) => Promise<unknown>;

export interface Kind {
  readonly title: string;
  readonly open: (url: string) => Promise<Pair>;
}

/** More than anybody here takes: nobody waits. */
const ROOMY = 1_000;
const nothing = async (): Promise<void> => {};

type Manager = Awaited<ReturnType<typeof openManager>>;
type Options = Parameters<Manager['acquire']>[1];

/** Ever new names. */
const alone =
  (options: Options): Kind['open'] =>
  async (url) => {
    const locks = await openManager(url);
    return (n) => locks.using(`n:${n}`, nothing, options);
  };

/** One name, which another process has all the time, too. */
const beside =
  (options: Options): Kind['open'] =>
  async (url) => {
    const [locks, other] = [await openManager(url), await openManager(url)];
    await other.acquire('beside', options);
    return () => locks.using('beside', nothing, options);
  };

export const KINDS = {
  exclusive: { title: 'exclusive', open: alone({}) },
  shared: { title: 'shared', open: alone({ mode: 'shared' }) },
  'shared-beside': {
    title: 'shared, one name, beside a reader of another process',
    open: beside({ mode: 'shared' }),
  },
  upgradeable: { title: 'upgradeable', open: alone({ mode: 'upgradeable' }) },
  upgrade: {
    title: 'upgradeable, upgraded, downgraded',
    async open(url) {
      const locks = await openManager(url);
      const both: Parameters<Manager['using']>[1] = async (lease) => {
        await lease.upgrade();
        await lease.downgrade();
      };
      return (n) => locks.using(`n:${n}`, both, { mode: 'upgradeable' });
    },
  },
  permit: { title: 'permit of 5', open: alone({ limit: 5 }) },
  'permit-beside': {
    title: `permit of ${ROOMY}, one name, beside one of another process`,
    open: beside({ limit: ROOMY }),
  },
  several: {
    title: 'two names',
    async open(url) {
      const locks = await openManager(url);
      return (n) => locks.using([`a:${n}`, `b:${n}`], nothing);
    },
  },
  floor: {
    title: 'by hand: SET NX PX, compare-and-delete',
    async open(url) {
      const client = await floor.open({ url });
      return (n) => client.using(`n:${n}`, nothing);
    },
  },
} satisfies Record<string, Kind>;

export type KindId = keyof typeof KINDS;

export interface KindParams {
  readonly kind: KindId;
  /** So many at once. */
  readonly loops: number;
  readonly warmUp: number;
  readonly pairs: number;
}

/** Each of one acquire and release. */
export interface KindCost {
  readonly commands: number;
  /** Inside scripts, as the server measures them. */
  readonly scriptUs: number;
  /** Processor time of the server in all. */
  readonly serverUs: number;
}

/** Commands are counted afterwards, because counting takes time. For each loop. */
const COUNTED = 64;

export const kindPairs = role('cost: kind', async (place, params: KindParams): Promise<KindCost> => {
  const { kind, loops, warmUp, pairs } = params;
  const pair = await KINDS[kind].open(place.url);
  let next = 0;
  const run = async (count: number): Promise<void> => {
    const end = next + count;
    const loop = async (): Promise<void> => {
      while (next < end) await pair(next++);
    };
    await Promise.all(Array.from({ length: loops }, loop));
  };
  const costs = new ServerCosts(new Redis(place.url));
  await place.start();
  await run(warmUp);
  const found = await costs.during(() => run(pairs));
  place.sent.begin();
  await run(COUNTED * loops);
  return {
    commands: place.sent.count / (COUNTED * loops),
    scriptUs: found.scriptUs / pairs,
    serverUs: found.cpuUs / pairs,
  };
});
