import { build, type Histogram } from 'hdr-histogram-js';
import type { AppProcess } from './app-process.js';

export interface Answer {
  readonly status: number;
  // The demo reads answers as any HTTP client would: JSON whose shape the route promises.
  readonly body: Readonly<Record<string, unknown>>;
}

export interface Request {
  readonly path: string;
  readonly body: object;
}

const AT_ONCE = 64;
const ANSWER_WITHIN_MS = 20_000;

/** Fires requests at two processes in turn, a bounded number at once, and measures each as its client sees it. */
export class Traffic {
  readonly latencyMs = millisecondHistogram();
  requests = 0;
  /** Answers of the server's side (5xx) and waits that were given up (423, 429): a healthy run has none. */
  failures = 0;

  constructor(readonly apps: readonly [AppProcess, AppProcess]) {}

  /** In the order given; request n goes to process n mod 2. Answers in the same order. */
  async fire(requests: readonly Request[]): Promise<Answer[]> {
    const answers: Answer[] = [];
    let next = 0;
    const worker = async () => {
      for (let n = next++; n < requests.length; n = next++)
        answers[n] = await this.measured(n, requests[n] as Request);
    };
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, requests.length) }, worker));
    return answers;
  }

  private async measured(n: number, { path, body }: Request): Promise<Answer> {
    const app = this.apps[n % 2] as AppProcess;
    const startedMs = performance.now();
    const answer = await post(`${app.url}${path}`, body);
    this.latencyMs.recordValue(microseconds(performance.now() - startedMs));
    this.requests++;
    if (answer.status >= 500 || answer.status === 423 || answer.status === 429) this.failures++;
    return answer;
  }
}

export async function post(url: string, body: object): Promise<Answer> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
  });
  return { status: response.status, body: (await response.json()) as Answer['body'] };
}

export async function get<T>(url: string): Promise<T> {
  const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
  if (!response.ok) throw new Error(`GET ${url}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}

/** Records microseconds, because histograms count in integers and a wait is often a fraction of a millisecond. */
export function millisecondHistogram(): Histogram {
  return build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: 60_000_000,
    numberOfSignificantValueDigits: 3,
  });
}

export function microseconds(ms: number): number {
  return Math.max(1, Math.round(ms * 1_000));
}

export function percentileMs(histogram: Histogram, percentile: number): number {
  return histogram.getValueAtPercentile(percentile) / 1_000;
}
