/** A store that throws instead of rejecting must not throw out of a timer, nor synchronously out of a caller's `release()`. */
export function attempt<T>(work: () => Promise<T>): Promise<T> {
  try {
    return work();
  } catch (error) {
    return Promise.reject(error as Error);
  }
}
