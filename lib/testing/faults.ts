import type { Clock } from '../runtime/clock.js';

/**
 * What happens to the traffic of all connections, from now on:
 *
 * - `pass` it goes through.
 * - `refuse` new connections are reset when they are accepted; existing ones go on.
 * - `black-hole` nothing goes through, in either direction; what arrived meanwhile is delivered when the mode changes, as TCP
 *   does after a partition. Neither side learns that the other one hung up.
 * - `drop-requests`, `drop-replies` the bytes of one direction are gone. TCP never continues a stream that has a gap, so a
 *   connection that lost bytes is reset when the mode changes.
 */
export type FaultProxyMode = 'pass' | 'refuse' | 'black-hole' | 'drop-requests' | 'drop-replies';

/**
 * What happens to one request and its connection:
 *
 * - `lose-request` the request does not arrive and the client's connection is reset.
 * - `lose-reply` the request arrives, and when the server answers, the client's connection is reset.
 * - `half-reply` the client gets half of the answer's first bytes, then the end of the connection.
 * - `swallow-reply` the request arrives, and from the answer on the client hears nothing; the connection stays open.
 */
export type ConnectionFault = 'lose-request' | 'lose-reply' | 'half-reply' | 'swallow-reply';

export interface ArmedFault {
  readonly fault: ConnectionFault;
  /** Which requests: those whose bytes, as they arrive in one piece, contain the string or satisfy the function. */
  readonly when: string | ((request: Buffer) => boolean);
  /** How many requests; default 1. */
  readonly times?: number;
}

/** What a proxy and its connections share. */
export class Faults {
  mode: FaultProxyMode = 'pass';
  delayUpMs = 0;
  delayDownMs = 0;
  readonly #armed = new Set<Charge>();

  constructor(readonly clock: Clock) {}

  arm(fault: ArmedFault): Promise<void> {
    return new Promise((resolve) => this.#armed.add(new Charge(fault, resolve)));
  }

  disarm(): void {
    this.#armed.clear();
  }

  /** The oldest armed fault that matches; counted as triggered. */
  chargeFor(request: Buffer): Charge | undefined {
    for (const charge of this.#armed) {
      if (!charge.matches(request)) continue;
      if (charge.take() === 0) this.#armed.delete(charge);
      return charge;
    }
    return undefined;
  }
}

/** An armed fault and how often it must still be triggered, and strike. */
export class Charge {
  readonly fault: ConnectionFault;
  #toTrigger: number;
  #toStrike: number;

  constructor(
    private readonly armed: ArmedFault,
    private readonly done: () => void,
  ) {
    this.fault = armed.fault;
    this.#toTrigger = this.#toStrike = armed.times ?? 1;
  }

  matches(request: Buffer): boolean {
    const { when } = this.armed;
    return typeof when === 'string' ? request.includes(when) : when(request);
  }

  /** How many are left. */
  take(): number {
    return --this.#toTrigger;
  }

  struck(): void {
    if (--this.#toStrike === 0) this.done();
  }
}
