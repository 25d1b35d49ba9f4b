import type { LockClient, Work } from '../adapters/adapter.js';
import { probeExclusion } from '../child/exclusion-probe.js';
import { nothing, Pairs } from '../child/pairs.js';
import { role } from '../child/role.js';
import { spreadOf } from '../child/samples.js';
import { ServerCpu } from '../child/server-cpu.js';
import { formatNumber } from '../report/format.js';
import { runAlone } from '../run/measured-process.js';
import { UnableError, type Values } from '../run/outcome.js';
import type { RowByRow } from './scenario.js';

const BOUND_MS = 90_000;
const WARM_UP = 8_000;
const MEASURED = 8_000;
/** Commands are counted afterwards, because counting takes time. */
const COUNTED = 100;

function takeBoth(client: LockClient, names: readonly string[], work: Work): Promise<unknown> {
  if (client.usingAll === undefined) throw new UnableError('takes one name at a time');
  return client.usingAll(names, work);
}

const twoNamesAlone = role(
  'two-names',
  async (place, { measured }: { measured: number }): Promise<Values> => {
    const client = await place.open();
    const server = await ServerCpu.open(place.url);
    const pairs = new Pairs(client, 1, (n) => takeBoth(client, [`from:${n}`, `to:${n}`], nothing));
    await place.start();
    await pairs.run(WARM_UP);

    const serverBefore = await server.usedUs();
    const cpuBefore = process.cpuUsage();
    const takenNs = await pairs.run(measured);
    const { user, system } = process.cpuUsage(cpuBefore);
    const serverUs = (await server.usedUs()) - serverBefore;

    place.sent.begin();
    await pairs.run(COUNTED);
    const commands = place.sent.count / COUNTED;
    server.close();
    // In both orders, so that who keeps one while it waits for the other is seen as well.
    const names = ['probe:from', 'probe:to'];
    await probeExclusion(place, (rival, work, n) =>
      takeBoth(rival, n % 2 === 0 ? names : names.toReversed(), work),
    );
    const { p50, p99 } = spreadOf(takenNs);
    return {
      p50Us: p50 / 1e3,
      p99Us: p99 / 1e3,
      clientUs: (user + system) / measured,
      serverUs: serverUs / measured,
      commands,
    };
  },
);

export const twoNames: RowByRow = {
  id: 'two-names',
  title: 'Two names together, nobody waits',
  how:
    `One client takes two ever new names, all or none, and gives both back: ${formatNumber(MEASURED, 0)} times after ${formatNumber(WARM_UP, 0)} that warm up. By hand: two ` +
    'SET NX at once, and when one of them fails the other is given back and all is tried again. Checked afterwards: two clients that ' +
    'fight for the same two names in both orders exclude each other, and both get on.',
  columns: [
    { key: 'p50Us', title: 'µs, p50', digits: 0, better: 'less' },
    { key: 'p99Us', title: 'p99', digits: 0, better: 'less' },
    { key: 'clientUs', title: 'client µs', digits: 1, better: 'less' },
    { key: 'serverUs', title: 'server µs', digits: 1, better: 'less' },
    { key: 'commands', title: 'commands', digits: 3, better: 'less' },
  ],
  ratios: [{ of: 'p50Us', to: 'floor', title: '× by hand' }],
  takesPart: ({ id, severalNames }) => severalNames === true && id !== 'ours-no-cohort',
  measure: ({ inProcess, count }) =>
    runAlone(twoNamesAlone, { measured: count(MEASURED) }, inProcess(BOUND_MS)),
};
