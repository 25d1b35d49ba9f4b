import type { OnSent, ReleaseOutcome } from '../lock-store.js';
import type { LockStoreError } from '../../lock-errors.js';
import type { EndingTold } from '../mechanics/endings.js';
import type { CallFailure } from '../mechanics/tries.js';
import type { RedisRequest } from './redis-carrier.js';
import type { RedisHold } from './redis-hold.js';
import { ASK_GATE, ASK_PLAINLY } from './gate/gate-errors.js';
import { LONGEST_PLAIN_MS } from './gate/gate-kind.js';
import { releaseTerms, tenDigits } from './gate/gate-wire.js';
import { milliseconds } from './redis-wire.js';
import type { ScriptReply } from './redis-link.js';

/** The answer of release.lua and gate-release.lua to who was not the owner. */
const REFUSED = -1;

/** What a release needs of its store. */
export interface ReleaseHome {
  /** How long the trace of a clean release stays, in ms. */
  readonly keepMs: number;
  send(release: RedisRelease): void;
}

/** One release on its way, of a hold or of a place in the queue: in format 1, or at the general gate. */
export class RedisRelease implements RedisRequest {
  kind: 'release' | 'gate-release' = 'release';
  terms = '';
  own: readonly string[] = [];
  /** A copy got no reply, before a detour too. */
  #mayHaveRun = false;
  readonly sent: OnSent | undefined;
  /** Rejects with LockStoreError. */
  readonly outcome: Promise<ReleaseOutcome>;
  #resolve!: (outcome: ReleaseOutcome) => void;
  #reject!: (error: LockStoreError) => void;

  constructor(
    readonly hold: RedisHold,
    private readonly home: ReleaseHome,
    private readonly told: EndingTold | undefined,
  ) {
    this.sent = told?.onSent;
    this.outcome = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#ask(hold.isAtGate);
  }

  #ask(atGate: boolean): void {
    const { hold, home } = this;
    hold.isAtGate = atGate;
    this.kind = atGate ? 'gate-release' : 'release';
    this.terms = atGate ? releaseTerms(hold, home.keepMs) : plainTerms(hold, home.keepMs);
    this.own = atGate ? [hold.gateEnding] : hold.ending;
    home.send(this);
  }

  /** Is never cancelled by the caller whose acquisition it ends. */
  wanted(): boolean {
    return true;
  }

  answered([code]: ScriptReply, { repeated }: { repeated: boolean }): void {
    this.#mayHaveRun ||= repeated;
    if (code === ASK_GATE || code === ASK_PLAINLY) return this.#ask(code === ASK_GATE);
    const refused = { outcome: 'refused', ambiguous: this.#mayHaveRun } as const;
    this.#resolve(code === REFUSED ? refused : { outcome: 'released' });
  }

  failed({ error }: CallFailure): void {
    this.told?.onFailed();
    this.#reject(error);
  }
}

/** Terms of release.lua. In its queue nobody is who asked in another mode, or for a longer lease than it has room for. */
function plainTerms({ queuedMs, mode, minHoldMs }: RedisHold, keepMs: number): string {
  const isThere = mode === 'x' && queuedMs <= LONGEST_PLAIN_MS;
  const least = minHoldMs > 0 ? tenDigits(minHoldMs) : '';
  return `${milliseconds(keepMs)} ${milliseconds(isThere ? queuedMs : 0)}${least}`;
}
