/**
 * Seeds that failed when they found something. What a seed means changes with the engine and with the simulator; so each find has its
 * shortest story besides, which does not: stories.spec.ts, test/engine/found-by-simulation.spec.ts, model/yield-bugs.ts.
 */
export const REGRESSIONS: readonly (readonly [seed: number, found: string])[] = [
  [330, 'a timer that kept the process alive after close()'],
  [2_289, 'a push that came while the store closed threw in the listener of the socket'],
  [7_069, 'a machine that slept past its deadline was told that its release was clean'],
  [9_047, 'a waiter whose grant was lost while the manager closed went back into the line'],
  [103_298, 'a pushed grant long over looked new because the clock of the server had been set forward'],
  [116_514, 'a grant that had run out while the machine slept was handed out without a confirmation'],
  [
    59,
    'a request that was sent on to the gate counted as queued, and a try that lost its next answer never ended',
  ],
  [
    822,
    'a yield into a queue that was full for newcomers got no ticket, and its waiter asked with broken bytes',
  ],
];
