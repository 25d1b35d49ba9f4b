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

/** The next `length` unused bytes. Each is given out once. */
function take(length: number): Buffer {
  if (pool.length < length) pool = randomBytes(POOL_BYTES);
  const bytes = pool.subarray(0, length);
  pool = pool.subarray(length);
  return bytes;
}

export const systemRandomness: Randomness = {
  ownerToken: () => take(TOKEN_BYTES).toString('base64url'),
  fraction: () => take(4).readUInt32LE() / 2 ** 32,
};
