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
let pool = Buffer.alloc(0);

function nextToken(): string {
  if (pool.length < TOKEN_BYTES) pool = randomBytes(TOKEN_BYTES * 256);
  const token = pool.toString('base64url', 0, TOKEN_BYTES);
  pool = pool.subarray(TOKEN_BYTES);
  return token;
}

export const systemRandomness: Randomness = {
  ownerToken: nextToken,
  fraction: () => randomBytes(4).readUInt32LE() / 2 ** 32,
};
