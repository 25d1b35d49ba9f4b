/** Clocks run at the same speed within 1 % each; a server's clock that is ahead by more than this besides was set. */
const CLOCK_SPEED = 0.02;
const CLOCK_STEP_MS = 20;

/** When something that the server's clock tells can have happened by ours (monotonic ms), judged from its last reply to us. */
export class ServerClock {
  /** When the request was sent whose reply told us the server's time, and that time. */
  #sentAtMs: number | undefined;
  #serverUs = 0;

  /** @param firstSentAtMs when we first asked: nothing that concerns us happened before */
  constructor(private readonly firstSentAtMs: number) {}

  told(sentAtMs: number, serverUs: number): void {
    this.#sentAtMs = sentAtMs;
    this.#serverUs = serverUs;
  }

  /** Did it happen before the server's last reply? */
  isBeforeReply(serverUs: number): boolean {
    return this.#sentAtMs !== undefined && serverUs < this.#serverUs;
  }

  /**
   * The earliest instant: after the server's last reply, by as much as its clock says, and before we heard of it. Without such a
   * reply, or when its clock was set forward since: after we asked.
   */
  earliestMs(serverUs: number, nowMs: number): number {
    const sentAtMs = this.#sentAtMs;
    if (sentAtMs === undefined) return this.firstSentAtMs;
    const sinceReplyMs = (serverUs - this.#serverUs) / 1_000;
    const isPossible = sinceReplyMs <= (nowMs - sentAtMs) * (1 + CLOCK_SPEED) + CLOCK_STEP_MS;
    return isPossible ? Math.min(sentAtMs + sinceReplyMs, nowMs) : sentAtMs;
  }
}
