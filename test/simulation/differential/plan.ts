import type { ScriptReply } from '../../../lib/stores/redis/redis-link.js';
import {
  type BatchScript,
  headOf,
  payloadOf,
  type ScriptPayload,
  type WiredRequest,
} from '../../../lib/stores/redis/redis-wire.js';
import { SeededRandom } from '../seeded-random.js';
import { type Actor, Actors, KEEP_MS } from './actors.js';
import { ScriptedWorld } from './scripted-run.js';
import { CHANNELS, PLAIN_KEYS, STATE_KEYS, type Step } from './step.js';

/** Nothing may run out by itself between two steps of the real server, which takes a little time: ends come with a step `time`. */
export const MARGIN_MS = 500;

/** Always makes longer: whether a renewal writes must not depend on a millisecond. */
const LONGER_MS = [9_000_000];
/** How long a name stays taken at least. */
const LEASTS_MS = [0, 0, 0, 2_000, 20_000, 2_000_000];
export const PASSES_MS = [1, 400, 1_700, 5_600, 11_300, 31_000, 92_000, -900, -40_000];

export const LATER_FORMAT = `v3:h${'4'.repeat(70)}|`;
/** The general gate: its own scripts answer. */
export const AT_GATE = `v2:${'1795132800000000'.repeat(2)}r${'0'.repeat(42)}`;
const STRANGE = [
  'stranger',
  '',
  `f${'x'.repeat(32)}`,
  `f${'1'.repeat(33)}`,
  `h${'2'.repeat(70)}|`,
  `h${'3'.repeat(70)}`,
  LATER_FORMAT,
  AT_GATE,
];

type ScriptStep = Extract<Step, { does: 'script' }>;

/**
 * A random sequence that looks like life with everything going wrong: clients that remember what they were told, some of them wrongly;
 * batches; duplicates; ends; losses; strangers in our keys. It is worked out against the scripted server, so that it goes where it
 * matters.
 */
export class Plan {
  readonly steps: Step[] = [];
  readonly #random: SeededRandom;
  readonly #world = new ScriptedWorld();
  readonly #actors: Actors;

  constructor(seed: string, length: number) {
    this.#random = new SeededRandom(seed);
    this.#actors = new Actors(this.#random);
    for (const channel of CHANNELS.slice(1)) this.#take({ does: 'listen', channel });
    for (const key of STATE_KEYS) for (let i = 0; i < 2; i++) this.#actors.add(key);
    while (this.steps.length < length) this.#next();
  }

  #next(): void {
    const random = this.#random;
    const dice = random.next();
    if (dice < 0.34) this.#acquire();
    else if (dice < 0.5) this.#release();
    else if (dice < 0.63) this.#yield();
    else if (dice < 0.7) this.#renew();
    else if (dice < 0.76) this.#again();
    else if (dice < 0.83) this.#passTime(random.pick(PASSES_MS));
    else if (dice < 0.92) this.#ask(random.pick(['force', 'inspect', 'inspect', 'force', 'probe'] as const));
    else this.#trouble();
  }

  /** One call for one or several; several of the same lock among them now and then. */
  #several(pick: () => Actor): Actor[] {
    const count = this.#random.chance(0.5) ? 1 : this.#random.integer(2, 5);
    return [...new Set(Array.from({ length: count }, pick))];
  }

  #acquire(): void {
    const actors = this.#several(() => this.#actors.any());
    const answers = this.#script('acquire', this.#actors.requests(actors));
    actors.forEach((actor, i) => {
      const [code, second, third] = answers[i] ?? [];
      if (code === 1) this.#actors.learn(actor, second, third);
      if (code === 2) actor.ticket = String(third);
    });
  }

  #release(): void {
    const actors = this.#several(() => this.#actors.holder());
    this.#script(
      'release',
      actors.map((actor) => this.#actors.ending(actor, this.#leastMsFor(actor))),
    );
    for (const { key } of actors) if (this.#random.chance(0.5)) this.#actors.add(key);
  }

  /** Such that nothing ends just now. 0: none. */
  #leastMsFor({ key }: Actor): number {
    const leastMs = this.#random.pick(LEASTS_MS);
    const rest = leastMs - (this.#world.nowUs - this.#grantedUs(key)) / 1_000;
    return Math.abs(rest) < MARGIN_MS ? 0 : leastMs;
  }

  #grantedUs(key: string): number {
    const [, granted = '0'] = /^string [hH]\d{32}(\d{16})/.exec(this.#world.server.dump(key) ?? '') ?? [];
    return Number(granted);
  }

  #yield(): void {
    const actors = this.#several(() => this.#actors.holder());
    const successors = actors.map(({ key }) => this.#actors.add(key));
    const answers = this.#script('yield', this.#actors.yieldings(actors, successors));
    if (this.#random.chance(0.2)) return; // this reply is lost
    actors.forEach((actor, i) => {
      const [code, second, third] = answers[i] ?? [];
      if (code === 1) this.#actors.learn(actor, second, third);
      if (code === 2 && third !== undefined) successors[i]!.ticket = String(third);
    });
  }

  #renew(leasesMs?: readonly number[]): void {
    const random = this.#random;
    const actors = this.#actors.some();
    if (actors.length === 0) return;
    const keys = actors.map(({ key }) => (random.chance(0.05) ? `${key}:q` : key));
    const args = actors.flatMap((actor) => this.#actors.renewal(actor, leasesMs));
    const answers = answersOf(this.#take(this.#call('renew', { keys, args })));
    actors.forEach((actor, i) => {
      const [, , fence, lineage] = answers[i] ?? [];
      this.#actors.learn(actor, fence, lineage);
    });
  }

  #ask(script: 'force' | 'inspect' | 'probe'): void {
    const random = this.#random;
    const key = random.pick(STATE_KEYS);
    const args = {
      force: [String(KEEP_MS), 'by hand', random.chance(0.5) ? '' : this.#actors.any().used],
      inspect: [],
      probe: [random.pick(CHANNELS), 'echo'],
    }[script];
    const keys = script === 'probe' ? ['lock:{}probe', 'lock:{}probe:q'] : [key, `${key}:q`];
    this.#take(this.#call(script, { keys, args }));
  }

  /** The same bytes once more: a reply was lost. Or long after, on a connection of old. */
  #again(): void {
    const random = this.#random;
    const scripts = this.steps.filter((step) => step.does === 'script');
    const yields = scripts.filter(({ script }) => script === 'yield');
    const step = random.pick(random.chance(0.4) && yields.length > 0 ? yields : scripts.slice(-6));
    if (step !== undefined && !this.#endsSoon(step)) this.#take(step);
  }

  /** Would a hold with a least time be released by it that may end just then? */
  #endsSoon({ keys, args }: ScriptStep): boolean {
    const tokens = args.filter((arg) => /^m\d{48}/.test(arg)).map((arg) => arg.slice(49, 71));
    const states = keys.map((key) => this.#world.server.dump(key) ?? '');
    return tokens.some((token) => states.some((state) => state.includes(token)));
  }

  #trouble(): void {
    const random = this.#random;
    const key = random.pick(PLAIN_KEYS);
    const channel = random.pick(CHANNELS);
    const value = random.pick(STRANGE);
    const actor = this.#actors.any();
    const forever = `h${'1795132800000009'.repeat(3)}${actor.token}${actor.tail}`;
    const troubles: (() => void)[] = [
      () => this.#take({ does: 'listen', channel }),
      () => this.#take({ does: 'leave', channel }),
      () => this.#take({ does: 'drop', key }),
      () => this.#take({ does: 'drop', key: random.pick(STATE_KEYS) }),
      () => this.#take({ does: 'wipe' }),
      () => this.#take({ does: 'disturb', key, value }),
      () => this.#take({ does: 'disturb', key: actor.key, value: forever }),
      () => this.#take({ does: 'disturb', key: actor.key, value: random.pick([LATER_FORMAT, AT_GATE]) }),
      () => this.#take({ does: 'disturb', key: `${actor.key}:q`, value, score: random.integer(1, 9) }),
      () => this.#take({ does: 'disturb', key, value, score: random.integer(1, 9) }),
      () => this.#refuseFor(random.pick(['OOM', 'READONLY'] as const)),
    ];
    random.pick(troubles)();
  }

  /** Only scripts meet a refusing server: a test that writes by itself would be refused, too. */
  #refuseFor(refusal: 'OOM' | 'READONLY'): void {
    const random = this.#random;
    this.#take({ does: 'refuse', refusal });
    for (let i = random.integer(1, 4); i > 0; i--) {
      random.pick([
        () => this.#acquire(),
        () => this.#release(),
        () => this.#yield(),
        () => this.#renew(LONGER_MS),
        () => this.#ask('force'),
      ])();
    }
    this.#take({ does: 'refuse', refusal: undefined });
  }

  /** A little longer if something would run out just then. */
  #passTime(wantedMs: number): void {
    const ends = PLAIN_KEYS.map((key) => this.#world.server.pttl(key)).filter((left) => left >= 0);
    let ms = wantedMs;
    while (ends.some((left) => left - ms >= -1 && left - ms < MARGIN_MS)) ms += MARGIN_MS;
    this.#take({ does: 'time', ms });
  }

  /** @returns one answer for each of them; none when the call as a whole was refused */
  #script(script: BatchScript, requests: readonly WiredRequest[]): readonly ScriptReply[] {
    return answersOf(this.#take(this.#call(script, payloadOf(script, requests))));
  }

  #call(script: ScriptStep['script'], payload: ScriptPayload): Step {
    const { keys, args } = payload;
    return { does: 'script', script, keys: [...keys], args: [headOf(payload, this.steps.length), ...args] };
  }

  #take(step: Step): ReturnType<ScriptedWorld['do']> {
    this.steps.push(step);
    const heard = this.#world.heard.length;
    const outcome = this.#world.do(step);
    for (const line of this.#world.heard.slice(heard)) this.#learn(line.slice(line.indexOf(' ') + 1));
    return outcome;
  }

  #learn(message: string): void {
    if (!message.startsWith('G') || this.#random.chance(0.2)) return; // this push is lost
    const actor = this.#actors.find(message.slice(1, 23));
    if (actor !== undefined) this.#actors.learn(actor, message.slice(23, 39), message.slice(39, 55));
  }
}

export function answersOf(outcome: ReturnType<ScriptedWorld['do']>): readonly ScriptReply[] {
  if (!Array.isArray(outcome)) return [];
  return (outcome as readonly ScriptReply[]).slice(1).map((answer) => (Array.isArray(answer) ? answer : []));
}
