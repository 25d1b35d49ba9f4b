import { randomBytes } from 'node:crypto';

/** Randomness as the engine sees it, so that a simulation can replay a run from its seed. */
export interface Randomness {
  /** A new owner token: 128 random bits as 22 base64url characters. One per acquisition, never reused, never logged. */
  ownerToken(): string;
  /** A number in [0, 1), for jitter. Need not be secret. */
  fraction(): number;
}

export const OWNER_TOKEN_LENGTH = 22;

const TOKEN_BYTES = 16;
/** Fetched for 256 tokens at once: a call into the operating system costs more than everything else that makes a token. */
const POOL_BYTES = TOKEN_BYTES * 256;
let pool = Buffer.alloc(0);
let used = 0;

/** Where the next `length` unused bytes of the pool begin. Each is given out once. */
function take(length: number): number {
  if (used + length > pool.length) {
    pool = randomBytes(POOL_BYTES);
    used = 0;
  }
  used += length;
  return used - length;
}

export const systemRandomness: Randomness = {
  ownerToken: () => {
    const start = take(TOKEN_BYTES);
    return pool.toString('base64url', start, start + TOKEN_BYTES);
  },
  fraction: () => {
    const start = take(4);
    return pool.readUInt32LE(start) / 2 ** 32;
  },
};
