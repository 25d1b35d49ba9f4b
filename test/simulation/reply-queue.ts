import { ReplyError } from './scripted-redis.js';
import type { SimulatedProcess } from './simulated-process.js';
import type { ServerReply } from './simulated-server.js';
import type { WorldEvent } from './virtual-world.js';

interface PendingCommand {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly timer: WorldEvent | undefined;
}

export interface ReplyQueueOptions {
  /** ioredis: `commandTimeout`. The command itself stays in the queue, and its late reply is read and thrown away. */
  readonly commandTimeout?: number | undefined;
  /** ioredis: `reconnectOnError`. */
  readonly onError: (error: Error) => void;
}

/** The commands of one client that wait for a reply. A reply belongs to whichever is first: the protocol has nothing else to go by. */
export class ReplyQueue {
  readonly #pending: PendingCommand[] = [];

  constructor(
    private readonly process: SimulatedProcess,
    private readonly options: ReplyQueueOptions,
  ) {}

  /** How many commands wait. */
  get length(): number {
    return this.#pending.length;
  }

  /** The command was written. */
  wait(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const { commandTimeout } = this.options;
      const tooLate = () => reject(new Error('Command timed out'));
      const timer = commandTimeout === undefined ? undefined : this.process.later(commandTimeout, tooLate);
      this.#pending.push({ resolve, reject, timer });
    });
  }

  answer(reply: ServerReply): void {
    const command = this.#pending.shift();
    if (command?.timer !== undefined) command.timer.cancelled = true;
    if (!('error' in reply)) {
      command?.resolve(reply.value);
      return;
    }
    const error = new ReplyError(reply.error);
    this.options.onError(error);
    command?.reject(error);
  }

  /** The connection is gone, and with `maxRetriesPerRequest: 0` so are they. */
  rejectAll(): void {
    for (const { reject, timer } of this.#pending.splice(0)) {
      if (timer !== undefined) timer.cancelled = true;
      reject(new Error('Connection is closed: reached the max retries per request limit (which is 0).'));
    }
  }
}
