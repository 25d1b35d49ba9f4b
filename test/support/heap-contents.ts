import { text } from 'node:stream/consumers';
import { setImmediate as turn } from 'node:timers/promises';
import { getHeapSnapshot } from 'node:v8';

/** How many things of a kind are reachable, and their own bytes. */
interface Kind {
  readonly things: number;
  readonly bytes: number;
}

export type HeapContents = ReadonlyMap<string, Kind>;

/** Of the kinds that grew: what shrank elsewhere does not make up for it. */
export interface Growth extends Kind {
  /** What has grown most, in words: `object Lease +240`. */
  readonly most: readonly string[];
}

interface Snapshot {
  readonly snapshot: {
    readonly meta: {
      readonly node_fields: readonly string[];
      readonly node_types: readonly [readonly string[]];
    };
  };
  readonly nodes: readonly number[];
  readonly strings: readonly string[];
}

/** What programs make and forget. Code, hidden classes, feedback vectors and boxed numbers come and go as V8 likes. */
const OURS = new Set([
  'object',
  'closure',
  'native',
  'array',
  'string',
  'concatenated string',
  'sliced string',
  'symbol',
  'regexp',
  'bigint',
]);
const MOST = 5;

/**
 * What is reachable now, counted: exact where the bytes in use are not, since V8 compiles, optimises and forgets code whenever it likes.
 * Run with --expose-gc.
 */
export async function heapContents(): Promise<HeapContents> {
  for (let i = 0; i < 3; i++) {
    await turn();
    globalThis.gc?.();
  }
  const { snapshot, nodes, strings } = JSON.parse(await text(getHeapSnapshot())) as Snapshot;
  const { node_fields: fields, node_types: types } = snapshot.meta;
  const [typeAt, nameAt, sizeAt] = ['type', 'name', 'self_size'].map((field) => fields.indexOf(field));
  const kinds = new Map<string, { things: number; bytes: number }>();
  for (let node = 0; node < nodes.length; node += fields.length) {
    const type = types[0][nodes[node + typeAt!]!]!;
    if (!OURS.has(type)) continue;
    const name = type === 'object' ? `object ${strings[nodes[node + nameAt!]!]!}` : type;
    const kind = kinds.get(name) ?? { things: 0, bytes: 0 };
    kind.things += 1;
    kind.bytes += nodes[node + sizeAt!]!;
    kinds.set(name, kind);
  }
  return kinds;
}

export function growth(before: HeapContents, after: HeapContents): Growth {
  const grown = [...after].map(([name, { things, bytes }]) => {
    const known = before.get(name) ?? { things: 0, bytes: 0 };
    return { name, things: Math.max(0, things - known.things), bytes: Math.max(0, bytes - known.bytes) };
  });
  const most = grown.toSorted((a, b) => b.things - a.things).slice(0, MOST);
  return {
    things: grown.reduce((sum, { things }) => sum + things, 0),
    bytes: grown.reduce((sum, { bytes }) => sum + bytes, 0),
    most: most.map(({ name, things }) => `${name} +${things}`),
  };
}
