import { setTimeout as sleep } from 'node:timers/promises';

import { nowMs } from '../child/clock.js';
import { expectHeld } from '../child/exclusion-probe.js';
import { holdAll } from '../child/hold.js';
import { role } from '../child/role.js';
import { runAlone } from '../run/measured-process.js';
import { UnableError } from '../run/outcome.js';
import { isMainRow, type RowByRow } from './scenario.js';

const LEASES = 10_000;
const LEASE_MS = 4_500;
/** So long that no renewal comes due while the processor time between renewals is taken. */
const IDLE_LEASE_MS = 60_000;
const IDLE_MS = 1_500;
const SETTLE_MS = 500;
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

const keeper = role('leases', async (place, { renewsAt }: { renewsAt: number }) => {
  const intervalMs = LEASE_MS * renewsAt;
  place.sent.begin();
  const idle = await place.open({ renewedLeaseMs: IDLE_LEASE_MS });
  const client = await place.open({ renewedLeaseMs: LEASE_MS });
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
  await sleep(intervalMs);
  const sentBefore = place.sent.count;
  const startMs = nowMs();
  const cpuPercent = await cpuPercentDuring(Math.ceil(LEASE_MS / 2 / intervalMs) * intervalMs);
  const sentPerMs = (place.sent.count - sentBefore) / (nowMs() - startMs);
  await sleep(heldMs + LEASE_MS - nowMs() + 100);
  await expectHeld(
    await place.open(),
    names.filter((_, index) => index % (LEASES / PROBED) === 0),
  );
  return { commandsPerInterval: sentPerMs * intervalMs, cpuPercent, idleCpuPercent };
});

export const leases: RowByRow = {
  id: 'leases',
  title: '10 000 leases kept alive',
  how:
    `One process holds 10 000 names with leases of ${LEASE_MS / 1e3} s, and the library renews each when a third of it has passed ` +
    '(redlock-universal: 80 %, which cannot be chosen); «between renewals»: as many names of which none is due yet. Checked: when the ' +
    'leases that were first given have passed, another client gets none of 20 of them.',
  columns: [
    { key: 'commandsPerInterval', title: 'commands per interval', digits: 0, better: 'less' },
    { key: 'cpuPercent', title: '% of a core', digits: 1, better: 'less' },
    { key: 'idleCpuPercent', title: '% of a core between renewals', digits: 2, better: 'less' },
  ],
  takesPart: isMainRow,
  async measure({ adapter, inProcess }) {
    const { renewsAt } = adapter;
    if (renewsAt === null) throw new UnableError('does not renew by itself');
    return runAlone(keeper, { renewsAt }, inProcess(BOUND_MS));
  },
};
