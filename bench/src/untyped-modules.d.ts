// What we use of packages that publish no types, or none that can be found.

declare module 'redlock' {
  import type { Redis } from 'ioredis';

  interface Settings {
    retryCount: number;
    retryDelay: number;
    retryJitter: number;
    automaticExtensionThreshold: number;
  }
  class Redlock {
    constructor(clients: Redis[], settings: Settings);
    acquire(resources: string[], duration: number): Promise<{ release(): Promise<unknown> }>;
    using(resources: string[], duration: number, work: () => Promise<unknown>): Promise<unknown>;
  }
  export default Redlock;
}

declare module 'redis-parser' {
  interface Options {
    returnReply(reply: unknown): void;
    returnError(error: Error): void;
    returnBuffers?: boolean;
  }
  class RedisParser {
    constructor(options: Options);
    execute(bytes: Buffer): void;
  }
  export default RedisParser;
}

declare module 'autocannon' {
  export interface Client {
    setRequests(requests: { method: string; path: string }[]): void;
  }
  interface Options {
    url: string;
    connections: number;
    amount: number;
    /** How often it looks whether all is done, ms. */
    sampleInt: number;
    setupClient(client: Client): void;
  }
  interface Result {
    requests: { total: number };
    errors: number;
    non2xx: number;
  }
  interface Shooting extends Promise<Result> {
    on(event: 'response', listener: () => void): void;
  }
  function autocannon(options: Options): Shooting;
  export default autocannon;
}
