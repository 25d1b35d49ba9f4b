import { Injectable } from '@nestjs/common';
import { describeValue, type LockErrorCode, LockUsageError } from '../../lib/index.js';
import { LockService } from '../lock.service.js';

export interface LockHealthOptions {
  /** How long the store may take to answer, in ms; default 1 000. */
  withinMs?: number;
  /** Another lock service than the default one: `@InjectLockService('jobs') jobs: LockService`. */
  service?: LockService;
}

/** What Terminus calls a health indicator result. */
export type LockHealth<Key extends string = string> = Record<
  Key,
  | { status: 'up'; held: number }
  | { status: 'down'; held: number; reason: LockErrorCode | 'TOO_SLOW' | 'UNKNOWN' }
>;

/** No application locks it, so it tells nothing about anybody; a name that nobody has is one read in every store. */
const ASKED_NAME = 'nestjs-distributed-lock:health';
const WITHIN_MS = 1_000;

/**
 * Does the store answer? For `@nestjs/terminus` 11 and 12, whose results are plain objects, so that nothing of it is imported.
 * Put it among the providers of your health module.
 *
 * @example
 * this.health.check([() => this.locks.isHealthy('locks')])
 */
@Injectable()
export class LockHealthIndicator {
  constructor(private readonly locks: LockService) {}

  /**
   * 'up' when the store answers a read in time, with the number of leases that this process holds. 'down' when it does not, and from the
   * begin of the shutdown on (`reason: 'LOCK_CLOSED'`), so that a load balancer turns elsewhere while holders finish. `reason` is a code and
   * nothing else: a health page may be public, and a message names the address of the store.
   *
   * @param key under which Terminus shows it
   * @throws LockUsageError LOCK_OPTIONS_INVALID when `withinMs` is no number of milliseconds
   */
  async isHealthy<Key extends string>(key: Key, options: LockHealthOptions = {}): Promise<LockHealth<Key>> {
    const { withinMs = WITHIN_MS, service = this.locks } = options;
    if (!(typeof withinMs === 'number' && withinMs > 0 && withinMs <= 60_000)) {
      throw new LockUsageError(
        'LOCK_OPTIONS_INVALID',
        `isHealthy(${describeValue(key)}): withinMs must be more than 0 and at most 60000 ms, got ${describeValue(withinMs)}`,
      );
    }
    const reason = await problemOf(service, withinMs);
    const held = service.held().length;
    const health = reason === null ? { status: 'up', held } : { status: 'down', held, reason };
    return { [key]: health } as LockHealth<Key>;
  }
}

/** null: it answers. */
async function problemOf(service: LockService, withinMs: number): Promise<string | null> {
  let timer: NodeJS.Timeout | undefined;
  const tooSlow = new Promise<string>((resolve) => {
    timer = setTimeout(resolve, withinMs, 'TOO_SLOW');
  });
  const answer = service.inspect(ASKED_NAME).then(
    () => null,
    (error: unknown) => (error as { code?: string } | null)?.code ?? 'UNKNOWN',
  );
  try {
    return await Promise.race([answer, tooSlow]);
  } finally {
    clearTimeout(timer);
  }
}
