import type { ScriptedServer } from './scripted-server.js';
import type { SimulatedProcess } from './simulated-process.js';

export interface LeftPlace {
  readonly data: ScriptedServer;
  /** By owner token. */
  readonly ownerOf: ReadonlyMap<string, SimulatedProcess>;
  /** The dead leave their places behind, and so do those who cannot reach the store. */
  readonly closedWell: (process: SimulatedProcess | undefined) => boolean;
}

/** What is left in the store when everybody has gone. */
export class Leftovers {
  constructor(private readonly place: LeftPlace) {}

  /** Without limits that an operator has set: they stay. */
  keys(): string[] {
    return this.place.data.keys().filter((key) => !key.endsWith(':l'));
  }

  /** Holds of those who closed well. */
  held(): string[] {
    const { ownerOf, closedWell } = this.place;
    return this.keys().flatMap((key) =>
      this.#holders(key)
        .map((token) => ownerOf.get(token))
        .filter((owner) => closedWell(owner))
        .map((owner) => `${key} held by ${owner?.id ?? 'nobody'}, which has closed`),
    );
  }

  /** A queue of those who did not close well goes by itself; until then the gate at which they are queued is open. */
  withoutDeadQueues(): string[] {
    const { data } = this.place;
    return this.keys()
      .filter((key) => data.dump(`${key}:q2`) === undefined)
      .flatMap((key) => (/:q2?$/.test(key) ? this.#places(key) : [key]));
  }

  #holders(key: string): string[] {
    const dump = this.place.data.dump(key) ?? '';
    if (key.endsWith(':h')) return tokensIn(dump);
    const state = /^string [hH].{48}(.{22})/.exec(dump);
    return state === null ? [] : [state[1]!];
  }

  #places(key: string): string[] {
    const { data, ownerOf, closedWell } = this.place;
    return tokensIn(data.dump(key) ?? '')
      .filter((token) => closedWell(ownerOf.get(token)))
      .map((token) => `${key} of ${ownerOf.get(token)?.id ?? 'nobody'}`);
  }
}

/** Of a sorted set, as it is dumped: a score, a space, the member. */
function tokensIn(dump: string): string[] {
  const members = dump.replace(/^zset /, '').split('\n');
  return members.map((line) => line.slice(line.indexOf(' ') + 1, line.indexOf(' ') + 23));
}
