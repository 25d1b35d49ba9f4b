import type { Lease } from '../../lib/holding/lease.js';
import type { Busy, Full, Grant, StopSignal, YieldRequest } from '../../lib/stores/lock-store.js';

/** A lease in its caller's hands. */
export interface Beginning {
  readonly call: string;
  readonly lease: Lease;
  readonly signal?: AbortSignal;
  /** How long ago it was granted, or handed on. */
  readonly agoMs?: number;
}

/** What a store is asked for a place in its queue. */
export interface Asked {
  readonly request: YieldRequest;
  readonly signal: StopSignal;
}

/** What becomes of a place in the queue. */
export type Note = (type: 'ask' | 'queued' | 'granted' | 'left' | 'full') => void;

export async function settled<T extends Grant | Busy | Full>(answer: Promise<T>, note: Note): Promise<T> {
  try {
    const given = await answer;
    note(given.outcome === 'granted' ? 'granted' : given.outcome === 'full' ? 'full' : 'left');
    return given;
  } catch (error) {
    note('left');
    throw error;
  }
}
