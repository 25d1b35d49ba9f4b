import { Redis } from 'ioredis';

const FIELDS = ['user', 'sys'] as const;

/** Watches the processor time of the server, on a connection of its own. */
export class ServerCpu {
  private constructor(private readonly redis: Redis) {}

  static async open(url: string): Promise<ServerCpu> {
    const redis = new Redis(url);
    await redis.ping();
    return new ServerCpu(redis);
  }

  /** Microseconds that the thread which executes commands has used so far. */
  async usedUs(): Promise<number> {
    const info = await this.redis.info('cpu');
    const seconds = FIELDS.map((field) => {
      // A server before 6.2 only tells of all its threads together.
      const found =
        new RegExp(`^used_cpu_${field}_main_thread:([\\d.]+)`, 'm').exec(info) ??
        new RegExp(`^used_cpu_${field}:([\\d.]+)`, 'm').exec(info);
      if (found?.[1] === undefined) throw new Error('the server does not tell its processor time');
      return Number(found[1]);
    });
    return seconds.reduce((sum, each) => sum + each) * 1e6;
  }

  close(): void {
    this.redis.disconnect();
  }
}
