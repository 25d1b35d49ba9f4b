import { setTimeout as sleep } from 'node:timers/promises';

import { nowMs } from '../child/clock.js';
import { expectHeld } from '../child/exclusion-probe.js';
import { holdAll } from '../child/hold.js';
import { role } from '../child/role.js';
import { runAlone } from '../run/measured-process.js';
import { UnableError } from '../run/outcome.js';
import { isMainRow, type Scenario } from './scenario.js';

const LEASES = 10_000;
const RENEW_EVERY_MS = 2_000;
/** The longest lease that goes with it: who forgot to renew has lost by the end. */
const LONGEST_LEASE_MS = 3 * RENEW_EVERY_MS;
const PROBED = 20;
const BOUND_MS = 60_000;

const keeper = role('leases', async (place) => {
  place.sent.begin();
  const client = await place.open({ renewEveryMs: RENEW_EVERY_MS });
  const names = Array.from({ length: LEASES }, (_, index) => `lease:${index}`);
  await place.start();
  await holdAll(client, names);
  const heldMs = nowMs();
  await sleep(RENEW_EVERY_MS);
  const sentBefore = place.sent.count;
  const cpuBefore = process.cpuUsage();
  const startMs = nowMs();
  await sleep(2 * RENEW_EVERY_MS);
  const takenMs = nowMs() - startMs;
  const sent = place.sent.count - sentBefore;
  const { user, system } = process.cpuUsage(cpuBefore);
  await sleep(heldMs + LONGEST_LEASE_MS - nowMs() + 100);
  await expectHeld(
    await place.open(),
    names.filter((_, index) => index % (LEASES / PROBED) === 0),
  );
  return {
    commandsPerInterval: (sent * RENEW_EVERY_MS) / takenMs,
    cpuPercent: (user + system) / 10 / takenMs,
  };
});

export const leases: Scenario = {
  id: 'leases',
  title: '10 000 leases kept alive',
  how:
    `One process holds 10 000 names and renews each every ${RENEW_EVERY_MS / 1_000} s, over two such intervals. Checked: when the lease ` +
    'that was first given has long passed, another client gets none of 20 of them.',
  columns: [
    { key: 'commandsPerInterval', title: 'commands per interval', digits: 0, better: 'less' },
    { key: 'cpuPercent', title: '% of a core', digits: 1, better: 'less' },
  ],
  takesPart: isMainRow,
  async measure({ adapter, inProcess }) {
    if (!adapter.renews) throw new UnableError('does not renew by itself');
    return runAlone(keeper, {}, inProcess(BOUND_MS));
  },
};
