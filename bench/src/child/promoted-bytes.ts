import { GCProfiler, type GCProfilerResult } from 'node:v8';

/** New objects, which a scavenge either drops, keeps here, or promotes. */
const YOUNG = /^new_/;

/**
 * Bytes that scavenges moved into the old generation while the work ran: what outlived its usefulness, and is only freed by a major
 * collection. The same number as `promoted` in `--trace-gc-nvp`.
 */
export async function promotedBytesDuring(work: () => Promise<unknown>): Promise<number> {
  const profiler = new GCProfiler();
  profiler.start();
  await work();
  const scavenges = profiler.stop().statistics.filter(({ gcType }) => gcType === 'Scavenge');
  return scavenges.reduce((sum, { beforeGC, afterGC }) => sum + oldBytes(afterGC) - oldBytes(beforeGC), 0);
}

type Heap = GCProfilerResult['statistics'][number]['beforeGC'];

function oldBytes({ heapSpaceStatistics }: Heap): number {
  return heapSpaceStatistics
    .filter(({ spaceName }) => !YOUNG.test(spaceName))
    .reduce((sum, { spaceUsedSize }) => sum + spaceUsedSize, 0);
}
