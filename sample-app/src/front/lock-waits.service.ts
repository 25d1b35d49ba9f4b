import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { LockService } from 'nestjs-distributed-lock';

const KEPT = 10_000;

/** How long the last acquisitions of this process waited, told by the locks' own events. The demo makes percentiles of it. */
@Injectable()
export class LockWaits implements OnModuleDestroy {
  private waits: number[] = [];
  private readonly stop: () => void;

  constructor(locks: LockService) {
    this.stop = locks.on('acquired', ({ waitedMs }) => {
      if (this.waits.length < KEPT) this.waits.push(waitedMs);
    });
  }

  /** Those since the last call, in ms, at most 10 000. */
  take(): number[] {
    const waits = this.waits;
    this.waits = [];
    return waits;
  }

  onModuleDestroy(): void {
    this.stop();
  }
}
