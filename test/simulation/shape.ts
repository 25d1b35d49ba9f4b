import type { SeededRandom } from './seeded-random.js';

/** How large a schedule is and how it is set up, apart from what goes wrong. */
export interface Shape {
  readonly names: readonly string[];
  readonly leases: readonly number[];
  readonly keepMs: number;
  readonly drainMs: number;
  readonly commandMs: number;
  /** Somebody ends holders by force now and then. */
  readonly forceful: boolean;
  readonly callersOf: readonly number[];
  readonly cohortMs: number;
  readonly maxWaiters: number;
  readonly maxWaitingProcesses: number;
  /** Many callers with short sections and short pauses: so the lock goes from hand to hand. */
  readonly hurried: boolean;
  /** Callers take many names at once: so requests and renewals travel together. */
  readonly broad: boolean;
  /** Callers take two or three names together, all or none. */
  readonly joint: boolean;
  /** Callers take names with all that is above them. */
  readonly layered: boolean;
  /** Of each name: readers and writers, or a limit of so many. Empty: exclusive locks only. */
  readonly kinds: ReadonlyMap<string, 'shared' | number>;
}

const BROAD_NAMES = 24;
/** So few that they are nearly always wanted by others, too. */
const JOINT_NAMES = ['a', 'b', 'c', 'd'];

export function shapeOf(random: SeededRandom): Shape {
  const shape = namedShapeOf(random);
  const kinds = random.fork('kinds');
  const isMixed = kinds.chance(0.4);
  const given = isMixed ? shape.names.map((name) => [name, kindOf(kinds)] as const) : [];
  return { ...shape, kinds: new Map(given), layered: random.fork('layers').chance(0.12) };
}

function kindOf(random: SeededRandom): 'shared' | number {
  return random.chance(0.6) ? 'shared' : random.integer(2, 4);
}

function namedShapeOf(random: SeededRandom): Omit<Shape, 'kinds' | 'layered'> {
  const shape = singleShapeOf(random);
  // From a stream of its own, so that other schedules are what they were before there was this.
  const joint = random.fork('joint').chance(0.25);
  if (!joint) return { ...shape, joint };
  return { ...shape, joint, names: shape.broad ? shape.names : JOINT_NAMES.slice(0, shape.names.length + 2) };
}

function singleShapeOf(random: SeededRandom): Omit<Shape, 'joint' | 'kinds' | 'layered'> {
  const basic = {
    names: ['a', 'b'].slice(0, random.chance(0.7) ? 1 : 2),
    leases: [random.integer(150, 900), random.integer(400, 6_000)],
    keepMs: random.integer(500, 10_000),
    drainMs: random.integer(0, 2_000),
    commandMs: random.pick([100, 300, 1_000]),
    forceful: random.chance(0.2),
    callersOf: Array.from({ length: random.integer(2, 4) }, () => random.integer(1, 3)),
  };
  const crowd = random.fork('crowd');
  const kind = crowd.next();
  const limits = {
    cohortMs: crowd.chance(0.25) ? 0 : crowd.integer(5, 50),
    maxWaiters: crowd.chance(0.1) ? crowd.integer(1, 3) : 1_000,
    maxWaitingProcesses: crowd.chance(0.1) ? crowd.integer(1, 2) : 10_000,
    hurried: kind < 0.35,
    broad: kind > 0.9,
  };
  if (limits.hurried) {
    const callersOf = basic.callersOf.map(() => crowd.integer(2, 6));
    // One lease for all, or the next one could not take the hold over.
    const leases = crowd.chance(0.7) ? basic.leases.slice(1) : basic.leases;
    return { ...basic, ...limits, callersOf, leases };
  }
  const names = Array.from({ length: BROAD_NAMES }, (_, i) => `n${i}`);
  const callersOf = basic.callersOf.slice(0, 2);
  return limits.broad ? { ...basic, ...limits, names, callersOf } : { ...basic, ...limits };
}
