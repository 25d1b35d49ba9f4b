import { randomBytes } from 'node:crypto';

/** Randomness as the engine sees it, so that a simulation can replay a run from its seed. */
export interface Randomness {
  /** A new owner token: 128 random bits as 22 base64url characters. One per acquisition, never reused, never logged. */
  ownerToken(): string;
  /** A number in [0, 1), for jitter. Need not be secret. */
  fraction(): number;
}

export const OWNER_TOKEN_LENGTH = 22;

export const systemRandomness: Randomness = {
  ownerToken: () => randomBytes(16).toString('base64url'),
  fraction: () => randomBytes(4).readUInt32LE() / 2 ** 32,
};
