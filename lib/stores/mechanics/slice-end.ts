import type { LockStoreError } from '../../lock-errors.js';
import type { Grant, Kept, OnSent, Refused, Yielded } from '../lock-store.js';
import type { Acquisition, AcquisitionHold } from './acquisition.js';
import type { CallFailure } from './tries.js';

/** What the end of a slice tells its store of the hold. */
export interface SliceEndHome {
  /** It is ours no more. */
  gone(): void;
  /** Nobody can tell whether it is: it must be ended. */
  unknown(): void;
}

/**
 * The end of a cohort slice: the hold on its way to the next process, or back to us. The new place is an acquisition whose first request this
 * is. How it is asked for, and what the answers look like, each store knows.
 */
export abstract class SliceEnd<H extends AcquisitionHold> {
  readonly outcome: Promise<Kept | Yielded | Refused>;
  readonly sent: OnSent | undefined;
  #resolve!: (answer: Kept | Yielded | Refused) => void;
  #reject!: (reason: unknown) => void;
  #isOver = false;

  constructor(
    readonly hold: H,
    protected readonly place: Acquisition<H>,
    protected readonly home: SliceEndHome,
  ) {
    this.sent = place.request.onSent;
    place.asked();
    this.outcome = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    place.outcome.catch(() => undefined); // it may fail before anybody is told that there is a new place
  }

  wanted(): boolean {
    return !this.#isOver;
  }

  /** An answer came. false: a push has told us before: yielded, and granted again. */
  protected heard(): boolean {
    const isNews = !this.#isOver;
    this.#isOver = true;
    return isNews;
  }

  protected kept(deadlineMs: number): void {
    this.place.withdraw();
    this.#resolve({ outcome: 'kept', deadlineMs });
  }

  /** The new place has been told how it stands. */
  protected yielded(): void {
    this.home.gone();
    this.#resolve({ outcome: 'yielded', granted: this.place.outcome as Promise<Grant> });
  }

  protected yieldedBefore(): void {
    this.place.queuedBefore();
    this.yielded();
  }

  /** The hold was not ours. */
  protected refused(repeated: boolean): void {
    this.home.gone();
    // This copy did nothing; an earlier one may have yielded and queued us before the hold of the next one ran out.
    if (repeated) this.place.giveUp(new Error('the hold was lost while it was yielded'), true);
    else this.place.withdraw();
    this.#resolve({ outcome: 'refused', ambiguous: repeated });
  }

  /** Somebody else ends this slice, in another way. */
  protected endsAs(outcome: Promise<Kept | Yielded | Refused>): void {
    this.place.withdraw();
    outcome.then(this.#resolve, this.#reject);
  }

  protected isUnknown(error: LockStoreError, mayHaveRun: boolean): void {
    this.home.gone();
    this.#reject(error);
    this.home.unknown();
    this.place.giveUp(error, mayHaveRun);
  }

  /** A push granted our new place before the reply came: so the hold was yielded. */
  overtaken(): void {
    if (this.heard()) this.yielded();
  }

  failed({ error, mayHaveRun }: CallFailure): void {
    if (this.heard()) this.isUnknown(error, mayHaveRun);
  }
}
