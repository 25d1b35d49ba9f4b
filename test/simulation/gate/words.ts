/** x exclusive · s shared · u upgradeable · l permits · i, I held for what is below, shared and not · U an upgrade, in the queue only */
export type Mode = 'x' | 's' | 'u' | 'l' | 'i' | 'I';

export interface Holder {
  mode: Mode;
  readonly weight: number;
  fence: number;
  readonly grantedUs: number;
  endsMs: number;
  readonly tail: string;
}

export interface Waiter {
  readonly token: string;
  readonly tail: string;
  readonly mode: Mode | 'U';
  readonly weight: number;
  readonly leaseMs: number;
  /** Its ticket. */
  readonly score: number;
}

/** One request to acquire, in whichever words it is sent. */
export interface Request {
  readonly token: string;
  readonly tail: string;
  readonly mode: Mode;
  readonly weight: number;
  /** 0: none. */
  readonly limit: number;
  readonly leaseMs: number;
  readonly waits: boolean;
  /** 0: a new one. */
  readonly ticket: number;
  /** How many may be queued. */
  readonly most: number;
}

/** A code, and what belongs to it. Times and tokens as 16 digits, everything else as it is. */
export type Answer = readonly (string | number)[];

export const KEEP_MS = 10_000;
/** The longest lease that has room in format 1. */
export const LONGEST_PLAIN_MS = 99_999_999;

export const digits = (number: number, length = 16): string => String(number).padStart(length, '0');
