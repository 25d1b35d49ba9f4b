/** The three stories. Each can be run without its lock, so that anyone can see it break. */
export const STORIES = ['presence', 'groups', 'messages'] as const;
export type Story = (typeof STORIES)[number];

export interface SampleConfig {
  /** 0: any free port. */
  readonly port: number;
  /** Locks and state live there; undefined: in this process's memory. */
  readonly redisUrl: string | undefined;
  /** First part of every key in Redis. */
  readonly prefix: string;
  /** The stories that run without their lock. */
  readonly unlocked: ReadonlySet<Story>;
  /** What one read or write of the state costs, in ms, as if a database were a few hops away. */
  readonly latencyMs: number;
}

const DEFAULT_PORT = 3000;
const DEFAULT_LATENCY_MS = 2;

/** Reads `PORT`, `REDIS_URL`, `SAMPLE_PREFIX`, `UNLOCKED` and `SAMPLE_LATENCY_MS`. @throws Error that names the variable and what it may be */
export function readConfig(env: Readonly<Record<string, string | undefined>>): SampleConfig {
  const unlocked = readStories(env['UNLOCKED'] ?? '');
  if (unlocked.size > 0 && env['NODE_ENV'] === 'production') {
    throw new Error(
      'UNLOCKED runs stories without their locks, to show how they break: not under NODE_ENV=production',
    );
  }
  return {
    port: readNumber(env, 'PORT', { fallback: DEFAULT_PORT, max: 65_535 }),
    redisUrl: env['REDIS_URL'] || undefined,
    prefix: env['SAMPLE_PREFIX'] || 'sample',
    unlocked,
    latencyMs: readNumber(env, 'SAMPLE_LATENCY_MS', { fallback: DEFAULT_LATENCY_MS, max: 1_000 }),
  };
}

function readStories(list: string): ReadonlySet<Story> {
  const names = list
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  const unknown = names.find((name) => !(STORIES as readonly string[]).includes(name));
  if (unknown !== undefined) {
    throw new Error(`UNLOCKED must be a list of ${STORIES.join(', ')} (comma between), got "${unknown}"`);
  }
  return new Set(names as Story[]);
}

function readNumber(
  env: Readonly<Record<string, string | undefined>>,
  variable: string,
  range: { fallback: number; max: number },
): number {
  const text = env[variable];
  if (text === undefined || text === '') return range.fallback;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > range.max) {
    throw new Error(`${variable} must be an integer from 0 to ${range.max}, got "${text}"`);
  }
  return value;
}
