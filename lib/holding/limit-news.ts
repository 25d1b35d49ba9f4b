const MOST_NAMES = 1_000;

/** Says once for each name that another limit is in force than a caller gave; after very many names it may be said again. */
export class LimitNews {
  readonly #told = new Set<string>();

  constructor(private readonly warn: (message: string) => void) {}

  otherInForce(name: string, asked: number | undefined, inForce: number): void {
    if (this.#told.has(name)) return;
    if (this.#told.size >= MOST_NAMES) this.#told.clear();
    this.#told.add(name);
    this.warn(
      `lock "${name}": the limit in force is ${inForce}, not ${asked}; give all callers of a name the same limit, or use locks.setLimit`,
    );
  }
}
