/** What one measurement gave: numbers for the table, by column. */
export type Values = Readonly<Record<string, number>>;

/**
 * How one measurement ended. What is not `measured` is shown in the table with its reason, never left out:
 * `broken`: the lock did not hold, so its speed means nothing · `failed`: it threw, crashed, or was not done within its bound ·
 * `unable`: the library does not do such a thing.
 */
export type Outcome =
  | { readonly kind: 'measured'; readonly values: Values }
  | { readonly kind: 'broken' | 'failed' | 'unable'; readonly reason: string };

/** Two holders at once, a lost update: whoever measures throws this, whatever the speed was. */
export class BrokenLockError extends Error {
  override readonly name = 'BrokenLockError';
}

/** The library does not claim to do what is measured. */
export class UnableError extends Error {
  override readonly name = 'UnableError';
}

export async function outcomeOf(measure: () => Promise<Values>): Promise<Outcome> {
  try {
    return { kind: 'measured', values: await measure() };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    if (error instanceof BrokenLockError) return { kind: 'broken', reason };
    return { kind: error instanceof UnableError ? 'unable' : 'failed', reason };
  }
}
