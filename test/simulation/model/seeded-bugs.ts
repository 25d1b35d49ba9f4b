import { SCRIPTED } from '../scripted-scripts.js';
import * as buggy from './buggy-scripts.js';
import type { SeededBug } from './cases.js';
import { YIELD_BUGS } from './yield-bugs.js';

const { acquire, release, renew, force } = SCRIPTED;

const OF_HOLDS: readonly SeededBug[] = [
  {
    name: 'release does not look who asks',
    breaks: 'a lock is given on only when it is free or by its owner',
    scripts: { release: buggy.asOwner(release, 49) },
    budget: { cancel: 1 },
  },
  {
    name: 'renew does not look who asks',
    breaks: 'a renewal answers whether it is the owner',
    scripts: { renew: buggy.asOwner(renew, 0) },
    budget: { renew: 1, slow: 2 },
  },
  {
    name: 'acquire does not set H',
    breaks: "a state 'h' means that nobody is queued",
    scripts: { acquire: buggy.thenWrite(acquire, buggy.withoutH) },
    budget: {},
  },
  {
    name: 'promotion does not set H',
    breaks: "a state 'h' means that nobody is queued",
    scripts: { release: buggy.thenWrite(release, buggy.withoutH) },
    clients: 3,
    budget: {},
  },
  {
    name: 'fence restarts with a new lineage',
    breaks: 'the fencing token rises with every grant',
    scripts: { acquire: buggy.restarting },
    cycles: 2,
    budget: {},
  },
  {
    name: 'fence stays the same in a hand-off',
    breaks: 'the fencing token rises with every grant',
    scripts: {
      release: buggy.thenWrite(release, (after, before) =>
        /^[hH]/.test(after) ? after[0] + before.slice(1, 17) : after,
      ),
    },
    budget: {},
  },
  {
    name: 'fence is only the last one + 1',
    breaks: 'the fencing token rises with every grant',
    scripts: { release: buggy.withoutClock(release), acquire: buggy.withoutClock(acquire) },
    clients: 3,
    budget: { rollback: 1 },
  },
  {
    name: 'release leaves the queue alone',
    breaks: 'after its release nobody is queued still',
    scripts: { release: buggy.leavingItsPlace },
    budget: { cancel: 1 },
  },
  {
    name: 'acquire does not know its own token',
    breaks: 'an owner that asks again gets the same hold',
    scripts: { acquire: buggy.forgetful },
    budget: { cut: 1 },
  },
  {
    name: 'the first who asks after the end of a lease overtakes',
    breaks: 'nobody overtakes a live waiter',
    scripts: { acquire: buggy.barging },
    clients: 3,
    budget: { slow: 0 },
  },
  {
    name: 'the lock is given to one whom nobody hears',
    breaks: 'the first live waiter is next',
    scripts: { release: buggy.toTheDead },
    clients: 2,
    budget: { crash: 1 },
  },
  {
    name: 'a grant is published before it is asked who listens here',
    breaks: 'whoever believes to hold the lock is its owner',
    scripts: { release: buggy.publishingFirst(release) },
    clients: 3,
    cycles: 1,
    budget: { astray: 1 },
  },
  {
    name: '«had ended cleanly» without a look at the lineage',
    breaks: '«had ended cleanly» is true',
    scripts: { release: buggy.believing },
    cycles: 1,
    budget: { slow: 2 },
  },
  {
    name: 'force keeps the lineage',
    breaks: '«had ended cleanly» is true',
    scripts: {
      force: buggy.thenWrite(force, (after, before) =>
        after === before ? after : after.slice(0, 17) + before.slice(17, 33),
      ),
    },
    budget: { force: 1 },
  },
  {
    name: 'deadline counted from the reply',
    breaks: 'whoever believes to hold the lock is its owner',
    client: { deadlineFromReply: true },
    budget: { slow: 2 },
  },
  {
    name: 'deadline of a push counted from its arrival',
    breaks: 'whoever believes to hold the lock is its owner',
    client: { pushDeadlineFromArrival: true },
    budget: { slow: 1 },
  },
  {
    name: 'a push older than the last reply is believed',
    breaks: 'whoever believes to hold the lock is its owner',
    isFar: true,
    client: { trustsOldPush: true },
    clients: 3,
    budget: { slow: 2 },
  },
  {
    name: 'who waits never polls',
    breaks: 'from every state everybody who waits is served in the end',
    client: { neverPolls: true },
    budget: { lostPush: 1 },
  },
  {
    name: 'a newer grant is not learned',
    breaks: 'whoever holds the lock knows its fencing token',
    client: { forgetsNewerGrant: true },
    clients: 2,
    budget: { slow: 2, wipe: 1 },
  },
  {
    name: 'a release names its place only when it never held',
    breaks: 'after its release nobody is queued still',
    isFar: true,
    client: { memberOnlyWhenNotHeld: true },
    clients: 3,
    budget: { slow: 2 },
  },
  {
    name: 'a hold that was ended by force is not ended with its own token',
    breaks: 'no hold is left behind',
    client: { forcedWithoutEnd: true },
    budget: { force: 1 },
  },
  {
    name: 'a wait that is given up is not undone',
    breaks: 'no place in the queue is left behind',
    client: { abortWithoutUndo: true },
    budget: { cancel: 1 },
  },
  {
    name: 'an acquisition that failed without an answer is not undone',
    breaks: 'no hold is left behind',
    client: { failureWithoutUndo: true },
    budget: { cut: 1 },
  },
];

export const SEEDED_BUGS: readonly SeededBug[] = [...OF_HOLDS, ...YIELD_BUGS];
