import { Redis, type Result } from 'ioredis';

/**
 * What Redisson (Java) sends for its locks, so that ours can be held against it in the same run: the commands in their order, written
 * anew from a description; not its code. Its semaphore with leases is missing: we have no description that says enough.
 */
declare module 'ioredis' {
  interface RedisCommander<Context> {
    rlockTake(name: string, leaseMs: number, owner: string): Result<number | null, Context>;
    rlockGive(keys: string, ...rest: readonly (string | number)[]): Result<number | null, Context>;
    readTake(...keysAndArgs: readonly (string | number)[]): Result<number | null, Context>;
    readGive(...keysAndArgs: readonly (string | number)[]): Result<number | null, Context>;
  }
}

const LEASE_MS = 60_000;
/** How long the answer of an unlock is kept for a repeated one. */
const LATCH_MS = 10_000;

const TAKE = `
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('HEXISTS', KEYS[1], ARGV[2]) == 1 then
  redis.call('HINCRBY', KEYS[1], ARGV[2], 1)
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
  return nil
end
return redis.call('PTTL', KEYS[1])`;

/** KEYS: lock, channel, latch. */
const GIVE = `
local before = redis.call('GET', KEYS[3])
if before then return tonumber(before) end
if redis.call('HEXISTS', KEYS[1], ARGV[2]) == 0 then return nil end
local levels = redis.call('HINCRBY', KEYS[1], ARGV[2], -1)
if levels > 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
  redis.call('SET', KEYS[3], 0, 'PX', ARGV[3])
  return 0
end
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', KEYS[2], 0)
redis.call('SET', KEYS[3], 1, 'PX', ARGV[3])
return 1`;

/** KEYS: lock, beginning of the keys of this owner's holds. Each hold has a key of its own, for its expiry. */
const READ_TAKE = `
local mode = redis.call('HGET', KEYS[1], 'mode')
if mode and mode ~= 'read' then return redis.call('PTTL', KEYS[1]) end
if not mode then redis.call('HSET', KEYS[1], 'mode', 'read') end
local nth = redis.call('HINCRBY', KEYS[1], ARGV[2], 1)
redis.call('SET', KEYS[2] .. nth, 1, 'PX', ARGV[1])
redis.call('PEXPIRE', KEYS[1], math.max(redis.call('PTTL', KEYS[1]), ARGV[1]))
return nil`;

/** KEYS: lock, beginning of this owner's holds, channel, latch, beginning of everybody's holds. Looks at all holds of all readers. */
const READ_GIVE = `
local before = redis.call('GET', KEYS[4])
if before then return tonumber(before) end
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return nil end
local levels = redis.call('HINCRBY', KEYS[1], ARGV[1], -1)
if levels == 0 then redis.call('HDEL', KEYS[1], ARGV[1]) end
redis.call('DEL', KEYS[2] .. (levels + 1))
local longest = 0
for _, owner in ipairs(redis.call('HKEYS', KEYS[1])) do
  for nth = 1, tonumber(redis.call('HGET', KEYS[1], owner)) or 0 do
    longest = math.max(longest, redis.call('PTTL', KEYS[5] .. owner .. ':rwlock_timeout:' .. nth))
  end
end
if longest > 0 then
  redis.call('PEXPIRE', KEYS[1], longest)
  redis.call('SET', KEYS[4], 0, 'PX', ARGV[2])
  return 0
end
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', KEYS[3], 0)
redis.call('SET', KEYS[4], 1, 'PX', ARGV[2])
return 1`;

export class RedissonFlows {
  readonly #redis: Redis;
  #requests = 0;

  constructor(url: string) {
    this.#redis = new Redis(url);
    this.#redis.defineCommand('rlockTake', { numberOfKeys: 1, lua: TAKE });
    this.#redis.defineCommand('rlockGive', { numberOfKeys: 3, lua: GIVE });
    this.#redis.defineCommand('readTake', { numberOfKeys: 2, lua: READ_TAKE });
    this.#redis.defineCommand('readGive', { numberOfKeys: 5, lua: READ_GIVE });
  }

  /** RLock: lock and unlock. */
  async lock(name: string): Promise<void> {
    expectTaken(await this.#redis.rlockTake(name, LEASE_MS, 'client:1'));
    const latch = this.#latch(name);
    await this.#redis.rlockGive(
      name,
      `redisson_lock__channel:{${name}}`,
      latch,
      LEASE_MS,
      'client:1',
      LATCH_MS,
    );
    void this.#redis.del(latch); // its answer is not waited for
  }

  /** RReadWriteLock: the read lock is taken. */
  async takeRead(name: string, owner: string): Promise<void> {
    expectTaken(await this.#redis.readTake(name, holdsOf(name, owner), LEASE_MS, owner));
  }

  async giveRead(name: string, owner: string): Promise<void> {
    const latch = this.#latch(name);
    const keys = [name, holdsOf(name, owner), `redisson_rwlock:{${name}}`, latch, `{${name}}:`];
    await this.#redis.readGive(...keys, owner, LATCH_MS);
    void this.#redis.del(latch);
  }

  #latch(name: string): string {
    return `redisson_unlock_latch:{${name}}:${this.#requests++}`;
  }
}

const holdsOf = (name: string, owner: string): string => `{${name}}:${owner}:rwlock_timeout:`;

function expectTaken(answer: number | null): void {
  if (answer !== null) throw new Error('somebody else has it, so this is not what was to be measured');
}
