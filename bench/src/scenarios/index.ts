import { handOff } from './hand-off.js';
import { heldLock } from './held-lock.js';
import { hotEmpty, hotOneMs } from './hot-between-processes.js';
import { hotInProcess } from './hot-in-process.js';
import { http } from './http.js';
import { instructions } from './instructions.js';
import { leases } from './leases.js';
import { limit } from './limit.js';
import { memory } from './memory.js';
import { readers } from './readers.js';
import type { Scenario } from './scenario.js';
import { twoNames, twoNamesHot } from './two-names.js';
import { uncontendedLatency, uncontendedThroughput } from './uncontended.js';

/** In the order of the report. */
export const SCENARIOS: readonly Scenario[] = [
  uncontendedLatency,
  uncontendedThroughput,
  twoNames,
  instructions,
  hotInProcess,
  hotEmpty,
  hotOneMs,
  readers,
  limit,
  twoNamesHot,
  handOff,
  heldLock,
  leases,
  memory,
  http,
];
