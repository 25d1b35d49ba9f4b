import { SeededRandom } from '../seeded-random.js';
import { GateModel } from './gate-model.js';
import { type Call, KEY, words } from './gate-words.js';
import { type Actor, LEASES_MS, type Mix, newActor } from './gate-actor.js';
import { type Answer, LONGEST_PLAIN_MS, type Mode } from './words.js';

/** 2026-11-20, in microseconds: tokens and tickets have as many digits as in life. */
const START_US = 1_795_132_800_000_000;
const STEP_US = 7;
/** Nothing ends so near to a step: the real server's keys go on running while a sequence runs. */
export const MARGIN_MS = 60;

/** How long a name stays taken at least. */
const LEASTS_MS = [...Array<number>(15).fill(0), 2_000, 4_000, 9_000];
const PASSES_MS = [1, 317, 1_130, 4_270, 9_450, 33_610, 95_370];

export type Step =
  /** `op`: what was asked, for the count of what was met */
  | {
      readonly does: 'call';
      readonly call: Call;
      readonly nowUs: number;
      readonly expected: Answer;
      readonly holds: string;
    }
  | { readonly does: 'time'; readonly ms: number }
  | { readonly does: 'listen' | 'leave'; readonly channel: string };

/** A random sequence of what clients do to one name, each in its own belief of how it stands; and what the model says to it. */
export class GatePlan {
  readonly steps: Step[] = [];
  readonly model = new GateModel(KEY);
  /** What was met: `x acquire 1`. */
  readonly met: string[] = [];
  readonly #random: SeededRandom;
  readonly #actors: Actor[] = [];
  readonly #channels: string[];
  #tokens = 0;
  #nowUs = START_US;

  constructor(
    seed: string,
    length: number,
    private readonly mix: Mix,
  ) {
    this.#random = new SeededRandom(seed);
    this.#channels = ['lock:c:~one', 'lock:c:~two', mix.olderRelease ? 'lock:c:old' : 'lock:c:~three'];
    for (const channel of this.#channels) if (this.#random.chance(0.85)) this.#listen(channel);
    while (this.steps.length < length) this.#step();
  }

  #step(): void {
    const random = this.#random;
    if (this.#actors.length < 3 || random.chance(0.22)) return this.#acquire(this.#newActor());
    const actor = random.pick(this.#actors);
    const ways: readonly (readonly [weight: number, act: () => void])[] = [
      [26, () => this.#release(actor)],
      [16, () => this.#acquire(actor)],
      [10, () => this.#renew(actor)],
      [9, () => this.#upgrade(actor)],
      [6, () => this.#downgrade(actor)],
      [10, () => this.#pass()],
      [4, () => this.#again()],
      [3, () => this.#force()],
      [3, () => this.#call(words.inspect(), () => this.model.inspectAtGate(), 'inspect')],
      [4, () => this.#setLimit()],
      [4, () => this.#listen(random.pick(this.#channels))],
    ];
    let left = random.next() * ways.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, act] of ways) if ((left -= weight) < 0) return act();
  }

  #newActor(): Actor {
    const random = this.#random;
    const actor = newActor(random, { mix: this.mix, channels: this.#channels, number: this.#tokens++ });
    if (this.#actors.length < 9) this.#actors.push(actor);
    else this.#actors[random.integer(0, 8)] = actor;
    return actor;
  }

  /** Asks one script or the other, and goes where it is sent: @returns the last answer */
  #detour(atGate: boolean, ask: (atGate: boolean) => Answer): Answer {
    const answer = ask(atGate);
    if (answer[0] === -11) return ask(true);
    return answer[0] === -12 ? ask(false) : answer;
  }

  #acquire(actor: Actor): void {
    actor.waits = this.#random.chance(0.85);
    const request = { ...actor, ticket: this.#random.chance(0.8) ? actor.ticket : 0 };
    const needsGate = actor.mode !== 'x' || actor.leaseMs > LONGEST_PLAIN_MS;
    if (request.waits) actor.queued = true;
    const answer = this.#detour(needsGate || this.#random.chance(0.3), (atGate) =>
      atGate
        ? this.#call(
            words.acquireAtGate(request),
            () => this.model.acquireAtGate(request),
            `${actor.mode} acquire`,
          )
        : this.#call(
            words.acquirePlainly(request),
            () => this.model.acquirePlainly(request),
            'plain acquire',
          ),
    );
    if (answer[0] === 1) this.#learn(actor, answer[1], answer[2]);
    if (answer[0] === 2) actor.ticket = Number(answer[2]);
  }

  #learn(actor: Actor, fence: string | number | undefined, lineage: string | number | undefined): void {
    actor.fence = Number(fence);
    actor.lineage = Number(lineage);
    actor.used = Math.max(actor.used, actor.fence);
  }

  /** A few local leases. */
  #countOn(actor: Actor): void {
    if (actor.mode === 'x' && actor.fence > 0) actor.used += this.#random.integer(0, 3);
  }

  #release(actor: Actor): void {
    this.#countOn(actor);
    const known = this.#random.chance(0.9) ? actor : { ...actor, fence: 0, used: 0, lineage: 0 };
    const queued = actor.queued && this.#random.chance(0.95);
    const ending = { ...known, queued, leastMs: this.#leastMsFor(actor) };
    this.#detour(this.#random.chance(actor.mode === 'x' ? 0.5 : 0.95), (atGate) =>
      atGate
        ? this.#call(
            words.releaseAtGate(ending),
            () => this.model.releaseAtGate(ending),
            `${actor.mode} release${ending.leastMs > 0 ? ' early' : ''}`,
          )
        : this.#call(
            words.releasePlainly(this.#plain(ending)),
            () => this.model.releasePlainly(this.#plain(ending)),
            `plain release${ending.leastMs > 0 ? ' early' : ''}`,
          ),
    );
  }

  /** Such that nothing ends just now. 0: none. */
  #leastMsFor({ token }: Actor): number {
    const leastMs = this.#random.pick(LEASTS_MS);
    const hold = this.model.holders.get(token);
    const isNear = hold !== undefined && Math.abs(this.model.restMs(hold, leastMs)) < MARGIN_MS;
    return isNear ? 0 : leastMs;
  }

  /** Format 1 has no room for a longer lease: who asked for one is in no queue there. */
  #plain<T extends { queued: boolean; leaseMs: number; mode: Mode }>(ending: T): T {
    return { ...ending, queued: ending.queued && ending.mode === 'x' && ending.leaseMs <= LONGEST_PLAIN_MS };
  }

  #renew(actor: Actor): void {
    const leaseMs = this.#random.pick(LEASES_MS);
    const { token, fence, lineage, mode } = actor;
    const answer = this.#detour(mode !== 'x' || this.#random.chance(0.5), (atGate) =>
      atGate
        ? this.#call(
            words.renewAtGate(token, leaseMs, fence),
            () => this.model.renewAtGate(token, leaseMs, fence),
            `${mode} renew`,
          )
        : this.#call(
            words.renewPlainly(token, leaseMs, { fence, lineage }),
            () => this.model.renewPlainly(token, leaseMs, { fence, lineage }),
            'plain renew',
          ),
    );
    if (answer.length === 4) this.#learn(actor, answer[2], answer[3]);
  }

  #upgrade({ token, mode }: Actor): void {
    if (mode !== 'u' && this.#random.chance(0.8)) return;
    const how = this.#random.pick(['w', 'w', 'w', '-', 'c'] as const);
    const op = { w: 'waiting upgrade', '-': 'upgrade', c: 'upgrade given up' }[how];
    this.#call(words.upgrade(token, how), () => this.model.upgrade(token, how), op);
  }

  #downgrade(actor: Actor): void {
    this.#countOn(actor);
    const { token, used } = actor;
    this.#call(words.downgrade(token, used), () => this.model.downgrade(token, used), 'downgrade');
  }

  #force(): void {
    const only = this.#random.chance(0.4) ? 0 : this.#random.pick(this.#actors).used;
    this.#call(
      words.force('by hand', only),
      () => this.model.forceAtGate('by hand', only),
      only === 0 ? 'force' : 'force one',
    );
  }

  #setLimit(): void {
    if (!this.mix.modes.includes('l')) return;
    const limit = this.#random.chance(0.4) ? undefined : this.#random.integer(1, 6);
    this.#call(words.setLimit(limit), () => this.model.setLimit(limit), 'limit');
  }

  /** A copy of the last command arrives once more. */
  #again(): void {
    const last = this.steps.at(-1);
    if (last?.does !== 'call' || this.#repeat === undefined) return;
    this.#call(last.call, this.#repeat, 'again');
  }

  #repeat: (() => Answer) | undefined;

  #call(call: Call, ask: () => Answer, op: string): Answer {
    this.#nowUs += STEP_US;
    this.model.nowUs = this.#nowUs;
    const expected = ask();
    this.#repeat = ask;
    this.met.push(
      `${op} ${expected.length > 0 && op !== 'inspect' ? String(expected[0]) : String(expected.length > 1)}`,
    );
    this.steps.push({ does: 'call', call, nowUs: this.#nowUs, expected, holds: shown(this.model) });
    return expected;
  }

  #pass(): void {
    const ms = this.#random.pick(PASSES_MS);
    const nowMs = Math.floor(this.#nowUs / 1_000) + ms;
    if (this.model.ends().some((endsMs) => Math.abs(endsMs - nowMs) < MARGIN_MS)) return;
    this.#nowUs += ms * 1_000;
    this.model.nowUs = this.#nowUs;
    this.steps.push({ does: 'time', ms });
  }

  #listen(channel: string): void {
    const { listening } = this.model;
    const isThere = listening.delete(channel);
    if (!isThere) listening.add(channel);
    this.steps.push({ does: isThere ? 'leave' : 'listen', channel });
  }
}

/** Who holds and who waits, in a text: the same text is made of the real server's keys. */
function shown(model: GateModel): string {
  if (model.format !== 'gate') return 'closed';
  const live = model.inOrder().filter(([, { endsMs }]) => endsMs >= model.nowMs);
  const holds = live.map(([token, { mode, weight, fence }]) => `${token} ${mode}${weight} ${fence}`);
  const waits = model.queue.map(({ token, mode, weight }) => `${token} ${mode}${weight}`);
  return `${holds.toSorted().join(',')} | ${waits.join(',')}`;
}
