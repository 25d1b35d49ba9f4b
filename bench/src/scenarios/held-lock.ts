import { setTimeout as sleep } from 'node:timers/promises';

import { nowMs } from '../child/clock.js';
import { hold } from '../child/hold.js';
import { role } from '../child/role.js';
import { runAlone } from '../run/measured-process.js';
import { BrokenLockError } from '../run/outcome.js';
import { isMainRow, type RowByRow } from './scenario.js';

const WAITERS = 500;
const SETTLE_MS = 400;
const NEXT_BOUND_MS = 2_000;
const BOUND_MS = 20_000;

const crowd = role('held-lock', async (place, { windowMs }: { windowMs: number }) => {
  place.sent.begin();
  const holder = await place.open();
  const client = await place.open();
  const release = await hold(holder, 'held');
  let entered = 0;
  let onEntered = (): void => {};
  const firstEntered = new Promise<void>((resolve) => {
    onEntered = resolve;
  });
  const work = async (): Promise<void> => {
    entered++;
    onEntered();
  };
  await place.start();
  const waiting = Array.from({ length: WAITERS }, () => client.using('held', work));
  const failed = Promise.all(waiting).then(() => new Promise<never>(() => {}));
  await Promise.race([sleep(SETTLE_MS), failed]);
  const sentBefore = place.sent.count;
  const cpuBefore = process.cpuUsage();
  const startMs = nowMs();
  await Promise.race([sleep(windowMs), failed]);
  const seconds = (nowMs() - startMs) / 1e3;
  const commandsPerSecond = (place.sent.count - sentBefore) / seconds;
  const { user, system } = process.cpuUsage(cpuBefore);
  if (entered > 0) throw new BrokenLockError(`${entered} of ${WAITERS} waiters entered while it was held`);
  const releasedMs = nowMs();
  void release();
  const isNext = await Promise.race([firstEntered.then(() => true), sleep(NEXT_BOUND_MS, false)]);
  return {
    commandsPerSecond,
    cpuPercent: (user + system) / 1e4 / seconds,
    nextMs: isNext ? nowMs() - releasedMs : NaN,
  };
});

export const heldLock: RowByRow = {
  id: 'held-lock',
  title: '500 waiters of one process while somebody else holds the lock',
  how:
    'Commands that the process sends per second, counted at its sockets, and its processor time; then the lock is released (–: nobody got ' +
    'it within 2 s). Checked: nobody enters while it is held.',
  columns: [
    { key: 'commandsPerSecond', title: 'commands/s', digits: 1, better: 'less' },
    { key: 'cpuPercent', title: '% of a core', digits: 1, better: 'less' },
    { key: 'nextMs', title: 'released → next, ms', digits: 1, better: 'less' },
  ],
  takesPart: isMainRow,
  measure: ({ inProcess, ms }) => runAlone(crowd, { windowMs: ms(1_200) }, inProcess(BOUND_MS)),
};
