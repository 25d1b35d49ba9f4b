import type { Socket } from 'node:net';

import type { Clock, Timer } from '../runtime/clock.js';
import type { Charge, Faults } from './faults.js';

/** One client and its own connection to the server, which must outlive each other's end while nothing goes through. */
export class ProxiedConnection {
  readonly #requests: Lane;
  readonly #replies: Lane;
  /** The fault that its next reply will meet. */
  #charge: Charge | undefined;
  #mute = false;
  #hasGap = false;

  constructor(
    private readonly faults: Faults,
    private readonly client: Socket,
    private readonly upstream: Socket,
  ) {
    const isHeld = (): boolean => faults.mode === 'black-hole';
    this.#requests = new Lane(faults.clock, isHeld);
    this.#replies = new Lane(faults.clock, isHeld);
    client.on('data', (bytes: Buffer) => this.#up(() => this.#request(bytes)));
    client.on('end', () => this.#up(() => upstream.end()));
    client.on('close', () => this.#up(() => upstream.destroy()));
    upstream.on('data', (bytes: Buffer) => this.#down(() => this.#reply(bytes)));
    upstream.on('end', () => this.#down(() => client.end()));
    upstream.on('close', () => this.#down(() => client.destroy()));
    client.on('error', () => {}); // 'close' follows
    upstream.on('error', () => this.#down(() => this.cut())); // a server that refuses looks so from here as well
  }

  modeChanged(): void {
    if (this.#hasGap) {
      this.cut();
      return;
    }
    this.#requests.advance();
    this.#replies.advance();
  }

  cut(): void {
    this.#requests.clear();
    this.#replies.clear();
    this.client.resetAndDestroy();
    this.upstream.destroy();
  }

  #up(deliver: () => void): void {
    this.#requests.add(this.faults.delayUpMs, deliver);
  }

  #down(deliver: () => void): void {
    this.#replies.add(this.faults.delayDownMs, deliver);
  }

  #request(bytes: Buffer): void {
    if (this.faults.mode === 'drop-requests') {
      this.#hasGap = true;
      return;
    }
    const charge = this.faults.chargeFor(bytes);
    if (charge?.fault === 'lose-request') {
      this.cut();
      charge.struck();
      return;
    }
    this.#charge ??= charge;
    this.upstream.write(bytes);
  }

  #reply(bytes: Buffer): void {
    if (this.#mute) return;
    if (this.faults.mode === 'drop-replies') this.#hasGap = true;
    else if (this.#charge === undefined) this.client.write(bytes);
    else this.#strike(this.#charge, bytes);
  }

  #strike(charge: Charge, reply: Buffer): void {
    this.#charge = undefined;
    this.#mute = true;
    if (charge.fault === 'lose-reply') this.cut();
    if (charge.fault === 'half-reply') {
      this.client.end(reply.subarray(0, Math.ceil(reply.length / 2)));
      this.upstream.destroy();
    }
    charge.struck();
  }
}

/** One direction of a connection: keeps the order under a delay, and holds everything back while it must. */
class Lane {
  readonly #queue: { readonly dueMs: number; readonly deliver: () => void }[] = [];
  #timer: Timer | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly isHeld: () => boolean,
  ) {}

  add(delayMs: number, deliver: () => void): void {
    this.#queue.push({ dueMs: this.clock.monotonicMs() + delayMs, deliver });
    this.advance();
  }

  advance(): void {
    this.#timer?.cancel();
    for (;;) {
      const next = this.#queue[0];
      if (next === undefined || this.isHeld()) return;
      const waitMs = next.dueMs - this.clock.monotonicMs();
      if (waitMs > 0) {
        this.#timer = this.clock.setTimer(waitMs, () => this.advance());
        return;
      }
      this.#queue.shift();
      next.deliver();
    }
  }

  clear(): void {
    this.#timer?.cancel();
    this.#queue.length = 0;
  }
}
