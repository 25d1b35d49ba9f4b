import type { INestApplication } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { createApp } from '../../sample-app/src/app.js';
import type { SampleConfig, Story } from '../../sample-app/src/config.js';

export interface Answer {
  readonly status: number;
  readonly type: string | null;
  readonly body: Record<string, unknown>;
}

/** Several instances of the sample app, each with its own connections, as several processes would be. */
export class SampleApps {
  private constructor(
    private readonly apps: readonly INestApplication[],
    readonly urls: readonly string[],
  ) {}

  static async start(
    options: { count?: number; redisUrl?: string; unlocked?: readonly Story[] } = {},
  ): Promise<SampleApps> {
    const config: SampleConfig = {
      port: 0,
      redisUrl: options.redisUrl,
      prefix: `test-${randomUUID()}`,
      unlocked: new Set(options.unlocked),
      latencyMs: 2,
    };
    const apps: INestApplication[] = [];
    const urls: string[] = [];
    const started = new SampleApps(apps, urls);
    try {
      for (let n = 0; n < (options.count ?? 1); n++) {
        const app = await createApp(config, { logger: false });
        apps.push(app);
        await app.listen(0, '127.0.0.1');
        const { port } = app.getHttpServer().address() as { port: number };
        urls.push(`http://127.0.0.1:${port}`);
      }
      return started;
    } catch (error) {
      await started.stop(); // else their connections keep the test run alive
      throw error;
    }
  }

  /** The nth request of a test goes to instance n mod count. */
  post(path: string, body: unknown, n = 0): Promise<Answer> {
    return this.request('POST', path, { body: JSON.stringify(body), n });
  }

  get(path: string, n = 0): Promise<Answer> {
    return this.request('GET', path, { n });
  }

  delete(path: string, n = 0): Promise<Answer> {
    return this.request('DELETE', path, { n });
  }

  async stop(): Promise<void> {
    await Promise.all(this.apps.map((app) => app.close()));
  }

  private async request(
    method: string,
    path: string,
    { body, n }: { body?: string; n: number },
  ): Promise<Answer> {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' };
    const response = await fetch(`${this.urls[n % this.urls.length]}${path}`, {
      method,
      headers,
      body: body ?? null,
    });
    const text = await response.text();
    const type = response.headers.get('content-type');
    const json = type?.includes('json') === true ? (JSON.parse(text) as Record<string, unknown>) : { text };
    return { status: response.status, type, body: json };
  }
}

export function times<T>(count: number, make: (n: number) => T): T[] {
  return Array.from({ length: count }, (_, n) => make(n));
}
