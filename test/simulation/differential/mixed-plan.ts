// over budget: what each kind of client may do next, one after the other
import { gateKeys } from '../../../lib/stores/redis/redis-keys.js';
import type { ScriptReply } from '../../../lib/stores/redis/redis-link.js';
import { type Actor, LEASES_MS, type Mix, newActor } from '../gate/gate-actor.js';
import { type Call, wordsFor } from '../gate/gate-words.js';
import { LONGEST_PLAIN_MS } from '../gate/words.js';
import { SeededRandom } from '../seeded-random.js';
import { AT_GATE, answersOf, LATER_FORMAT, MARGIN_MS, PASSES_MS } from './plan.js';
import { ScriptedWorld } from './scripted-run.js';
import { CHANNELS, KEYS, STATE_KEYS, type Step } from './step.js';

/** A client's acquisition of one of the locks. */
type Party = Actor & { readonly key: string };

const STRANGE = ['stranger', '', `v2:${'1'.repeat(80)}`, LATER_FORMAT, AT_GATE];
const MOST_PARTIES = 9;

/** Calls of one script as one call: of all locks the first key, then of all the second, and so on; terms once where they are the same. */
function together(calls: readonly Call[]): Call {
  const [first] = calls;
  if (first === undefined || calls.length === 1) return first!;
  const keys = first.keys.flatMap((_, place) => calls.map((call) => call.keys[place]!));
  const isShared = calls.every(({ terms }) => terms === first.terms);
  const args = calls.flatMap((call) => (isShared ? call.args : [call.terms, ...call.args]));
  return { script: first.script, keys, terms: isShared ? first.terms : '', args };
}

/**
 * A random sequence as in plan.ts, of every kind of lock: clients that remember what they were told, some of them wrongly, and go where
 * they are sent; batches; duplicates; ends; losses of single keys; strangers in our keys.
 */
export class MixedPlan {
  readonly steps: Step[] = [];
  readonly #random: SeededRandom;
  readonly #world = new ScriptedWorld();
  readonly #parties: Party[] = [];
  readonly #channels: readonly string[];
  #tokens = 0;
  #nonce = 0;

  constructor(
    seed: string,
    length: number,
    private readonly mix: Mix,
  ) {
    this.#random = new SeededRandom(seed);
    this.#channels = mix.olderRelease ? CHANNELS : CHANNELS.slice(1);
    for (const channel of CHANNELS.slice(1)) this.#take({ does: 'listen', channel });
    while (this.steps.length < length) this.#next();
  }

  #next(): void {
    const random = this.#random;
    if (this.#parties.length < 4 || random.chance(0.22)) this.#acquire([this.#join()]);
    const ways: readonly (readonly [weight: number, act: () => void])[] = [
      [20, () => this.#acquire(this.#several())],
      [24, () => this.#release(this.#several())],
      [10, () => this.#renew(this.#several())],
      [9, () => this.#upgrade(random.pick(this.#parties))],
      [6, () => this.#downgrade(random.pick(this.#parties))],
      [10, () => this.#passTime(random.pick(PASSES_MS))],
      [5, () => this.#again()],
      [5, () => this.#operate()],
      [11, () => this.#trouble()],
    ];
    let left = random.next() * ways.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, act] of ways) if ((left -= weight) < 0) return act();
  }

  #join(): Party {
    const random = this.#random;
    const { mix } = this;
    const actor = newActor(random, { mix, channels: this.#channels, number: this.#tokens++ });
    // Mostly one name, so that they meet.
    const party = { ...actor, key: random.chance(0.6) ? STATE_KEYS[0] : random.pick(STATE_KEYS) };
    if (this.#parties.length < MOST_PARTIES) this.#parties.push(party);
    else this.#parties[random.integer(0, MOST_PARTIES - 1)] = party;
    return party;
  }

  #several(): Party[] {
    const count = this.#random.chance(0.6) ? 1 : this.#random.integer(2, 4);
    return [...new Set(Array.from({ length: count }, () => this.#random.pick(this.#parties)))];
  }

  /** Asks for all of them by one script, and goes with those that are sent to the other one. */
  #detour(
    parties: readonly Party[],
    atGate: boolean,
    ask: {
      plainly(party: Party): Call;
      atGate(party: Party): Call;
      hear(party: Party, reply: ScriptReply): void;
    },
  ): void {
    if (parties.length === 0) return;
    const replies = this.#call(
      together(parties.map((party) => (atGate ? ask.atGate(party) : ask.plainly(party)))),
    );
    const away = atGate ? -12 : -11;
    parties.forEach((party, i) => ask.hear(party, replies[i] ?? []));
    const sent = parties.filter((_, i) => replies[i]?.[0] === away);
    if (sent.length === 0 || this.#random.chance(0.1)) return;
    const others = this.#call(
      together(sent.map((party) => (atGate ? ask.plainly(party) : ask.atGate(party)))),
    );
    sent.forEach((party, i) => ask.hear(party, others[i] ?? []));
  }

  #acquire(parties: readonly Party[]): void {
    const random = this.#random;
    const requests = new Map(
      parties.map((party) => {
        party.waits = random.chance(0.85);
        party.queued ||= party.waits;
        return [party, { ...party, ticket: random.chance(0.8) ? party.ticket : 0 }];
      }),
    );
    const needsGate = ({ mode, leaseMs }: Party) => mode !== 'x' || leaseMs > LONGEST_PLAIN_MS;
    const ask = {
      plainly: (party: Party) => wordsFor(party.key).acquirePlainly(requests.get(party)!),
      atGate: (party: Party) => wordsFor(party.key).acquireAtGate(requests.get(party)!),
      hear: (party: Party, [code, second, third]: ScriptReply) => {
        if (code === 1) this.#learn(party, second, third);
        if (code === 2) party.ticket = Number(third);
      },
    };
    this.#detour(parties.filter(needsGate), true, ask);
    this.#detour(
      parties.filter((party) => !needsGate(party)),
      random.chance(0.3),
      ask,
    );
  }

  #release(parties: readonly Party[]): void {
    const random = this.#random;
    const endings = new Map(
      parties.map((party) => {
        this.#countOn(party);
        const known = random.chance(0.9) ? party : { ...party, fence: 0, used: 0, lineage: 0 };
        return [party, { ...known, queued: party.queued && random.chance(0.95) }];
      }),
    );
    const isPlain = ({ mode, leaseMs }: Party) => mode === 'x' && leaseMs <= LONGEST_PLAIN_MS;
    this.#detour(parties, random.chance(0.7), {
      plainly: (party) => {
        const ending = endings.get(party)!;
        return wordsFor(party.key).releasePlainly({ ...ending, queued: ending.queued && isPlain(party) });
      },
      atGate: (party) => wordsFor(party.key).releaseAtGate(endings.get(party)!),
      hear: () => undefined,
    });
  }

  /** One of format 1 at a time: its renewals have their own terms. */
  #renew(parties: readonly Party[]): void {
    const random = this.#random;
    const leases = new Map(parties.map((party) => [party, random.pick(LEASES_MS)]));
    const ask = {
      plainly: (party: Party) => wordsFor(party.key).renewPlainly(party.token, leases.get(party)!, party),
      atGate: (party: Party) => wordsFor(party.key).renewAtGate(party.token, leases.get(party)!, party.fence),
      hear: (party: Party, [, , fence, lineage]: ScriptReply) => {
        if (fence !== undefined) this.#learn(party, fence, lineage);
      },
    };
    const replies = this.#call(together(parties.map((party) => ask.atGate(party))));
    parties.forEach((party, i) => {
      ask.hear(party, replies[i] ?? []);
      if (replies[i]?.[0] === -12) this.#detour([party], false, ask);
    });
  }

  #upgrade({ key, token, mode }: Party): void {
    if (mode === 'u' || this.#random.chance(0.2))
      this.#call(wordsFor(key).upgrade(token, this.#random.pick(['w', 'w', 'w', '-', 'c'])));
  }

  #downgrade(party: Party): void {
    this.#countOn(party);
    this.#call(wordsFor(party.key).downgrade(party.token, party.used));
  }

  /** What an operator does, or the start of a process. */
  #operate(): void {
    const random = this.#random;
    const words = wordsFor(random.pick(STATE_KEYS));
    const { holders, records } = gateKeys('lock:{}probe');
    const calls = [words.setLimit(random.chance(0.4) ? undefined : random.integer(1, 6))];
    if (this.#isInOrder(words.inspect().keys[0]!))
      calls.push(
        words.inspect(),
        words.force('by hand', random.chance(0.4) ? 0 : random.pick(this.#parties).used),
      );
    calls.push({ script: 'gate-probe', keys: [holders, records], terms: '', args: [] });
    this.#call(random.pick(calls));
  }

  /** Whose lease ends first is certain: ends that came from format 1 were told by the server's own clock, which goes on. */
  #isInOrder(stateKey: string): boolean {
    const ends = this.#world.ends(stateKey);
    return ends.every((end, i) => i === 0 || end - ends[i - 1]! > MARGIN_MS);
  }

  /** The same bytes once more: a reply was lost. Or long after, on a connection of old. */
  #again(): void {
    const scripts = this.steps.filter((step) => step.does === 'script' && step.script !== 'gate-force');
    const step = this.#random.pick(this.#random.chance(0.3) ? scripts : scripts.slice(-6));
    if (step !== undefined) this.#take(step);
  }

  #trouble(): void {
    const random = this.#random;
    const key = random.pick(KEYS);
    const channel = random.pick(CHANNELS);
    const { state, waiting, holders, records } = gateKeys(random.pick(STATE_KEYS));
    const score = random.integer(1, 9);
    const token = random.pick(this.#parties)!.token;
    random.pick<() => void>([
      () => this.#take({ does: 'listen', channel }),
      () => this.#take({ does: 'leave', channel }),
      () => this.#take({ does: 'drop', key }),
      () => this.#take({ does: 'drop', key: random.pick([state, waiting, holders, records]) }),
      () => this.#take({ does: 'drop', key: random.pick([holders, records]) }),
      () => random.chance(0.2) && this.#take({ does: 'wipe' }),
      () => this.#take({ does: 'disturb', key, value: random.pick(STRANGE) }),
      () => this.#take({ does: 'disturb', key: state, value: random.pick(STRANGE) }),
      () => this.#take({ does: 'disturb', key: random.pick([waiting, holders]), value: 'stranger', score }),
      () => this.#take({ does: 'disturb', key: holders, value: token, score }),
      () => this.#take({ does: 'disturb', key: random.pick([holders, records]), value: 'stranger' }),
      () => this.#refuseFor(random.pick(['OOM', 'READONLY'] as const)),
    ])();
  }

  #refuseFor(refusal: 'OOM' | 'READONLY'): void {
    const random = this.#random;
    this.#take({ does: 'refuse', refusal });
    for (let i = random.integer(1, 3); i > 0; i--)
      random.pick<() => void>([
        () => this.#acquire(this.#several()),
        () => this.#release(this.#several()),
        () => this.#upgrade(random.pick(this.#parties)),
        () => this.#downgrade(random.pick(this.#parties)),
      ])();
    this.#take({ does: 'refuse', refusal: undefined });
  }

  /** A little longer if something would run out just then. */
  #passTime(wantedMs: number): void {
    const { server, nowUs } = this.#world;
    const ends = KEYS.map((key) => server.pttl(key)).filter((left) => left >= 0);
    for (const key of STATE_KEYS) ends.push(...this.#world.ends(key).map((end) => end - nowUs / 1_000));
    let ms = wantedMs;
    while (ends.some((left) => left - ms >= -1 && left - ms < MARGIN_MS)) ms += MARGIN_MS;
    this.#take({ does: 'time', ms });
  }

  #learn(party: Party, fence: unknown, lineage: unknown): void {
    party.fence = Number(fence);
    party.lineage = Number(lineage);
    party.used = Math.max(party.used, party.fence);
  }

  #countOn(party: Party): void {
    if (party.mode === 'x' && party.fence > 0) party.used += this.#random.integer(0, 3);
  }

  /** @returns one answer for each of those that travelled together; none when the call as a whole was refused */
  #call({ script, keys, terms, args }: Call): readonly ScriptReply[] {
    const head = `${terms}${(this.#nonce++).toString(36)} `;
    return answersOf(this.#take({ does: 'script', script, keys: [...keys], args: [head, ...args] }));
  }

  #take(step: Step): ReturnType<ScriptedWorld['do']> {
    this.steps.push(step);
    const heard = this.#world.heard.length;
    const outcome = this.#world.do(step);
    for (const line of this.#world.heard.slice(heard)) this.#hear(line.slice(line.indexOf(' ') + 1));
    return outcome;
  }

  #hear(message: string): void {
    if (!message.startsWith('G') || this.#random.chance(0.2)) return; // this push is lost
    const party = this.#parties.find(({ token }) => token === message.slice(1, 23));
    if (party !== undefined) this.#learn(party, message.slice(23, 39), message.slice(39, 55));
  }
}
