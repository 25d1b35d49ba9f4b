import { setTimeout as sleep } from 'node:timers/promises';

import { nowMs } from '../child/clock.js';
import { probeExclusion } from '../child/exclusion-probe.js';
import { role } from '../child/role.js';
import { SectionWitness } from '../child/section-witness.js';
import { runAlone } from '../run/measured-process.js';
import { isMainRow, type Scenario } from './scenario.js';

const WAITERS = 100;
const SECTION_MS = 1;
/** Who is not through by then is judged by the sections that it managed. */
const BOUND_MS = 4_000;

async function msPerBareSection(): Promise<number> {
  const startMs = nowMs();
  for (let section = 0; section < WAITERS; section++) await sleep(SECTION_MS);
  return (nowMs() - startMs) / WAITERS;
}

const crowd = role('hot-in-process', async (place, { atLeastMs }: { atLeastMs: number }) => {
  place.sent.begin();
  const client = await place.open();
  await client.using('warm-up', async () => {});
  await place.start();
  const bareMs = await msPerBareSection();
  const witness = new SectionWitness();
  const sentBefore = place.sent.count;
  const startMs = nowMs();
  const mayGoOn = (boundMs: number): boolean => nowMs() < startMs + boundMs;
  let isInOrder = true;
  for (let round = 0; mayGoOn(atLeastMs); round++) {
    let latest = -1;
    const all = Array.from({ length: WAITERS }, (_, place_) =>
      client.using('hot', () => {
        isInOrder &&= place_ === latest + 1;
        latest = place_;
        return witness.section(() => sleep(SECTION_MS));
      }),
    );
    await Promise.race([Promise.all(all), sleep(startMs + BOUND_MS - nowMs())]);
    if (!mayGoOn(BOUND_MS)) break;
  }
  const takenMs = nowMs() - startMs;
  witness.check();
  if (witness.done === 0) throw new Error('not a single section was done');
  const sent = place.sent.count - sentBefore;
  await probeExclusion(place); // a mutex in memory would do for what was measured
  return {
    msPerSection: takenMs / witness.done,
    commandsPerSection: sent / witness.done,
    inOrder: witness.done < WAITERS ? NaN : Number(isInOrder), // too few to say
    bareMs,
  };
});

export const hotInProcess: Scenario = {
  id: 'hot-process',
  title: 'One hot name in one process: 100 waiters, sections of 1 ms',
  how:
    '100 calls at once, a section waits for a timer of 1 ms; again until 1 s has passed, at most 4 s. Commands are those that the client ' +
    'sends, counted at its sockets. Checked: no two inside at once, no update of a shared number lost; and then that two clients exclude each other.',
  columns: [
    { key: 'msPerSection', title: 'ms per section', digits: 2, better: 'less' },
    { key: 'bareMs', title: 'ms without any lock', digits: 2 },
    { key: 'commandsPerSection', title: 'commands per section', digits: 2, better: 'less' },
    { key: 'inOrder', title: 'in order (1: yes)', digits: 0, better: 'more' },
  ],
  takesPart: isMainRow,
  measure: ({ inProcess, ms }) => runAlone(crowd, { atLeastMs: ms(1_000) }, inProcess(BOUND_MS * 3)),
};
