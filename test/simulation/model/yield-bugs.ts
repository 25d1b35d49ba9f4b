import { SCRIPTED } from '../scripted-scripts.js';
import * as buggy from './buggy-scripts.js';
import type { SeededBug } from './cases.js';

const { release, yield: yields } = SCRIPTED;

/** Seeded bugs of cohort hand-off and of full queues: see seeded-bugs.ts. */
export const YIELD_BUGS: readonly SeededBug[] = [
  {
    name: 'yield does not compare the fence',
    breaks: 'a late yield gives nothing away',
    scripts: { yield: buggy.withoutCompare },
    budget: { yield: 1, cut: 1 },
  },
  {
    name: 'keep without a new token',
    breaks: 'a lock that is kept has a new token',
    scripts: { yield: buggy.keepingItsToken },
    budget: { yield: 1 },
  },
  {
    name: 'keep although others wait',
    breaks: 'a lock is kept only when nobody else waits',
    scripts: { yield: buggy.greedy },
    budget: { yield: 1 },
  },
  {
    name: 'yield queues under the old token',
    breaks: 'who yields is queued again, once',
    scripts: { yield: buggy.queuedAsBefore },
    budget: { yield: 1 },
  },
  {
    name: 'yield queues itself before it promotes',
    breaks: 'the first live waiter is next',
    scripts: { yield: buggy.queuedFirst },
    budget: { yield: 1 },
  },
  {
    name: 'repeated yield queues twice',
    breaks: 'a yield by another changes no queue',
    scripts: { yield: buggy.queuedTwice },
    budget: { yield: 1, cut: 1 },
  },
  {
    name: 'repeated yield is refused',
    breaks: 'who has yielded is told so',
    scripts: { yield: buggy.forgettingItsYield },
    budget: { yield: 1, cut: 1 },
  },
  {
    name: 'the place after a yield has no H',
    breaks: "a state 'h' means that nobody is queued",
    scripts: { yield: buggy.thenWrite(yields, buggy.withoutH) },
    budget: { yield: 1 },
  },
  {
    name: 'release does not write the used token back',
    breaks: 'the fencing token rises with every grant',
    scripts: { release: buggy.withoutUsed(release, { index: 2, from: 1 }) },
    budget: { count: 1, clockBack: 1 },
  },
  {
    name: 'yield does not write the used token back',
    breaks: 'the fencing token rises with every grant',
    scripts: { yield: buggy.withoutUsed(yields, { index: 1, from: 54 }) },
    budget: { count: 1, clockBack: 1, yield: 1 },
  },
  {
    name: 'force does not leave room for tokens that were not written back',
    breaks: 'no token is used by two',
    scripts: { force: buggy.withoutRoom },
    budget: { count: 1, clockBack: 1, force: 1 },
  },
  {
    name: 'force sees that the clock was set back only when it is before the grant',
    breaks: 'no token is used by two',
    scripts: { force: buggy.roomSinceGrant },
    budget: { yield: 1, count: 1, clockBack: 1, force: 1 },
  },
  {
    name: 'a hold is used while its yield is unanswered',
    breaks: 'whoever holds the lock knows its fencing token',
    client: { usesWhileItYields: true },
    budget: { yield: 1 },
  },
  {
    name: 'the new token of a kept hold is not learned',
    breaks: 'whoever holds the lock knows its fencing token',
    client: { keepForgetsFence: true },
    budget: { yield: 1 },
  },
  {
    name: 'a yield without an answer is not undone',
    breaks: 'no hold is left behind',
    client: { yieldFailureWithoutUndo: true },
    budget: { yield: 1, cut: 1 },
  },
  {
    name: 'a repeated yield that is refused leaves its place behind',
    breaks: 'no place in the queue is left behind',
    client: { refusedYieldWithoutUndo: true },
    isFar: true,
    budget: { yield: 1, cut: 1, slow: 1 },
  },
  {
    name: 'who had yielded before does not look for its place',
    breaks: 'no place in the queue is left behind',
    isFar: true,
    client: { dropsItsPlace: true },
    budget: { yield: 1, cut: 1 },
  },
  {
    name: 'a full queue takes one more',
    breaks: 'one who waits is queued, one who tries is told «busy»',
    scripts: { acquire: buggy.withRoom },
    clients: 3,
    mostQueued: 1,
    budget: {},
  },
];
