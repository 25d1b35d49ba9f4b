/** One textual change. `find` must stand in the file exactly once: if it does not, the protection moved and the mutant must follow. */
export interface Edit {
  /** From the root of the checkout. */
  readonly file: string;
  readonly find: string;
  readonly put: string;
}

/** Some of our tests: a spec file, and a pattern for their whole names (`jest -t`). */
export interface Suite {
  readonly spec: string;
  readonly tests?: string;
}

/** One protection, switched off. */
export interface Mutant {
  /** Short, for `--only` and the table: what is switched off. */
  readonly name: string;
  readonly edits: readonly Edit[];
  /** Asked in this order until one of them turns red. */
  readonly suites: readonly Suite[];
}

export function suite(spec: string, tests?: string): Suite {
  return tests === undefined ? { spec } : { spec, tests };
}

/** A section of the store contract, on the memory store or on Redis over a connection of its own. */
export function contract(store: 'memory' | 'redis', tests: string): Suite {
  return store === 'memory'
    ? { spec: 'test/stores/memory.spec.ts', tests: `contract of a store: memory.*${tests}` }
    : { spec: 'test/stores/redis.spec.ts', tests: `ioredis 6, a connection of its own.*${tests}` };
}

/** How often `find` stands in the text. */
export function occurrences(text: string, find: string): number {
  return text.split(find).length - 1;
}

/** @throws when `find` does not stand in the text exactly once */
export function applyEdit(text: string, { file, find, put }: Edit): string {
  const count = occurrences(text, find);
  if (count !== 1) {
    throw new Error(
      `${file} has this ${count} times instead of once, so the protection moved; change test/mutations:\n${find}`,
    );
  }
  return text.replace(find, () => put);
}
