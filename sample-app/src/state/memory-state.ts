import type { Change, StateOptions } from './state.js';
import { StaleWriteError, State, UnfencedWriteError } from './state.js';

/** One process's memory. Rows are kept as JSON, so that nobody can change one without writing it. */
export class MemoryState extends State {
  private readonly tables = new Map<string, Map<string, string>>();
  private readonly newestTokens = new Map<string, number>();

  constructor(private readonly options: StateOptions) {
    super();
  }

  override async read<T extends object>(table: string, id: string): Promise<T | undefined> {
    const json = this.tables.get(table)?.get(id);
    return json === undefined ? undefined : (JSON.parse(json) as T);
  }

  override async list<T extends object>(table: string): Promise<T[]> {
    return [...(this.tables.get(table)?.values() ?? [])].map((json) => JSON.parse(json) as T);
  }

  override async write(change: Change): Promise<void> {
    this.checkToken(change);
    for (const { table, id, value } of change.rows) {
      if (value === null) this.tables.get(table)?.delete(id);
      else this.table(table).set(id, JSON.stringify(value));
    }
  }

  private checkToken({ resource, fencingToken }: Change): void {
    if (fencingToken === undefined) {
      if (!this.options.acceptUnfenced) throw new UnfencedWriteError(resource);
      return;
    }
    const newest = this.newestTokens.get(resource);
    if (newest !== undefined && fencingToken < newest)
      throw new StaleWriteError(resource, fencingToken, newest);
    this.newestTokens.set(resource, fencingToken);
  }

  private table(name: string): Map<string, string> {
    const table = this.tables.get(name) ?? new Map<string, string>();
    this.tables.set(name, table);
    return table;
  }
}
