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

/** What kind of outcome an error stands for. */
export type FailedKind = Exclude<Outcome['kind'], 'measured'>;

export function kindOf(error: unknown): FailedKind {
  if (error instanceof BrokenLockError) return 'broken';
  return error instanceof UnableError ? 'unable' : 'failed';
}

/** The way back, for an error that was told by another process. */
export function errorOf(kind: FailedKind, message: string): Error {
  if (kind === 'broken') return new BrokenLockError(message);
  return kind === 'unable' ? new UnableError(message) : new Error(message);
}

export function failure(error: unknown): Outcome {
  return { kind: kindOf(error), reason: error instanceof Error ? error.message : String(error) };
}

export async function outcomeOf(measure: () => Promise<Values>): Promise<Outcome> {
  try {
    return { kind: 'measured', values: await measure() };
  } catch (error) {
    return failure(error);
  }
}
