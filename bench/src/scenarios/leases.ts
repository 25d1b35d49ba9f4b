import { setTimeout as sleep } from 'node:timers/promises';

import { nowMs } from '../child/clock.js';
import { expectHeld } from '../child/exclusion-probe.js';
import { holdAll } from '../child/hold.js';
import { role } from '../child/role.js';
import { runAlone } from '../run/measured-process.js';
import { UnableError } from '../run/outcome.js';
import { isMainRow, type Scenario } from './scenario.js';

const LEASES = 10_000;
const RENEW_EVERY_MS = 1_500;
/** So long that no renewal comes due while the processor time between renewals is taken. */
const IDLE_RENEW_EVERY_MS = 20_000;
const IDLE_MS = 1_500;
const SETTLE_MS = 500;
/** The longest lease that goes with it: who forgot to renew has lost by the end. */
const LONGEST_LEASE_MS = 3 * RENEW_EVERY_MS;
const PROBED = 20;
const BOUND_MS = 60_000;

/** Processor time of this process, in % of a core. */
async function cpuPercentDuring(periodMs: number): Promise<number> {
  const before = process.cpuUsage();
  const startMs = nowMs();
  await sleep(periodMs);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 10 / (nowMs() - startMs);
}

const keeper = role('leases', async (place) => {
  place.sent.begin();
  const idle = await place.open({ renewEveryMs: IDLE_RENEW_EVERY_MS });
  const client = await place.open({ renewEveryMs: RENEW_EVERY_MS });
  const names = Array.from({ length: LEASES }, (_, index) => `lease:${index}`);
  await place.start();
  await holdAll(
    idle,
    names.map((name) => `idle:${name}`),
  );
  await sleep(SETTLE_MS);
  const idleCpuPercent = await cpuPercentDuring(IDLE_MS);
  await holdAll(client, names);
  const heldMs = nowMs();
  await sleep(RENEW_EVERY_MS);
  const sentBefore = place.sent.count;
  const startMs = nowMs();
  const cpuPercent = await cpuPercentDuring(2 * RENEW_EVERY_MS);
  const sentPerMs = (place.sent.count - sentBefore) / (nowMs() - startMs);
  await sleep(heldMs + LONGEST_LEASE_MS - nowMs() + 100);
  await expectHeld(
    await place.open(),
    names.filter((_, index) => index % (LEASES / PROBED) === 0),
  );
  return { commandsPerInterval: sentPerMs * RENEW_EVERY_MS, cpuPercent, idleCpuPercent };
});

export const leases: Scenario = {
  id: 'leases',
  title: '10 000 leases kept alive',
  how:
    `One process holds 10 000 names and renews each every ${RENEW_EVERY_MS / 1_000} s, over two such intervals; before that it holds as ` +
    'many of which none is due yet («between renewals»). Checked: when the lease that was first given has long passed, another client gets none of 20 of them.',
  columns: [
    { key: 'commandsPerInterval', title: 'commands per interval', digits: 0, better: 'less' },
    { key: 'cpuPercent', title: '% of a core', digits: 1, better: 'less' },
    { key: 'idleCpuPercent', title: '% of a core between renewals', digits: 2, better: 'less' },
  ],
  takesPart: isMainRow,
  async measure({ adapter, inProcess }) {
    if (!adapter.renews) throw new UnableError('does not renew by itself');
    return runAlone(keeper, {}, inProcess(BOUND_MS));
  },
};
