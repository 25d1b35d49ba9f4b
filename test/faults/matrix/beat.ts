const BEAT_MS = 20;
const LATE_MS = 30;

/** On the clock that all processes of the machine share. */
export function sharedNowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/**
 * A machine that has no time for us is not the fault under test: tells when the event loop of this process did not turn. Times are of
 * `nowMs`. Returns the function that ends it.
 */
export function onStall(nowMs: () => number, told: (fromMs: number, untilMs: number) => void): () => void {
  let lastMs = nowMs();
  const beat = setInterval(() => {
    const beatMs = nowMs();
    if (beatMs - lastMs > BEAT_MS + LATE_MS) told(lastMs, beatMs);
    lastMs = beatMs;
  }, BEAT_MS);
  beat.unref();
  return () => clearInterval(beat);
}
