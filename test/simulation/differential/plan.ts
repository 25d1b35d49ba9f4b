import type { ScriptReply } from '../../../lib/stores/redis/redis-link.js';
import { SeededRandom } from '../seeded-random.js';
import { ScriptedWorld } from './scripted-run.js';
import { CHANNELS, KEYS, STATE_KEYS, type Step } from './step.js';

/** Nothing may run out by itself between two steps of the real server, which takes a little time: ends come with a step `time`. */
export const MARGIN_MS = 500;

const KEEP_MS = 10_000;
const LEASES_MS = [1_000, 3_000, 5_000, 8_000, 30_000];
/** Always makes longer: whether a renewal writes must not depend on a millisecond. */
const LONGER_MS = [9_000_000];
const PASSES_MS = [1, 400, 1_700, 5_600, 11_300, 31_000, 92_000, -900, -40_000];

/** One acquisition as a client would remember it. */
interface Actor {
  readonly key: string;
  readonly token: string;
  readonly tail: string;
  readonly leaseMs: number;
  ticket: string;
  grant: string;
  member: string;
}

/**
 * A random sequence that looks like life with everything going wrong: clients that remember what they were told, some of them wrongly;
 * duplicates; ends; losses; strangers in our keys. It is worked out against the scripted server, so that it goes where it matters.
 */
export class Plan {
  readonly steps: Step[] = [];
  readonly #random: SeededRandom;
  readonly #world = new ScriptedWorld();
  readonly #actors: Actor[] = [];
  #tokens = 0;

  constructor(seed: string, length: number) {
    this.#random = new SeededRandom(seed);
    for (const channel of CHANNELS.slice(1)) this.#take({ does: 'listen', channel });
    for (const key of STATE_KEYS) for (let i = 0; i < 3; i++) this.#newActor(key);
    while (this.steps.length < length) this.#next();
  }

  #next(): void {
    const random = this.#random;
    const dice = random.next();
    if (dice < 0.42) this.#acquire(random.pick(this.#actors));
    else if (dice < 0.62) this.#release(random.pick(this.#actors));
    else if (dice < 0.7) this.#renew();
    else if (dice < 0.74) this.#again();
    else if (dice < 0.82) this.#passTime(random.pick(PASSES_MS));
    else if (dice < 0.92) this.#ask(random.pick(['force', 'inspect', 'inspect', 'force', 'probe'] as const));
    else this.#trouble();
  }

  #acquire(actor: Actor): void {
    const random = this.#random;
    const wait = random.chance(0.8);
    const lease = String(actor.leaseMs).padStart(8, '0');
    if (wait) actor.member = actor.token + lease + actor.tail;
    // An old ticket, and sometimes one from nowhere: older than everybody's.
    const ticket = random.chance(0.05) ? '1795132800000001' : random.chance(0.8) ? actor.ticket : '0';
    const args = [this.#nonce(), actor.token, lease, actor.tail, wait ? '1' : '0', ticket];
    const reply = this.#script('acquire', this.#keysOf(actor), args);
    if (reply?.[1] === 1) actor.grant = String(reply[2]) + String(reply[3]);
    if (reply?.[1] === 2) actor.ticket = String(reply[3]);
  }

  #release(actor: Actor): void {
    const random = this.#random;
    const grant = random.chance(0.15)
      ? ''
      : random.chance(0.1)
        ? random.pick(this.#actors).grant
        : actor.grant;
    const member = random.chance(0.1) ? '' : actor.member;
    this.#script('release', this.#keysOf(actor), [
      this.#nonce(),
      actor.token,
      String(KEEP_MS),
      grant,
      member,
    ]);
    if (random.chance(0.5)) this.#newActor(actor.key);
  }

  #renew(leasesMs = LEASES_MS): void {
    const random = this.#random;
    const actors = this.#actors.filter(() => random.chance(0.5));
    if (actors.length === 0) return;
    const keys = actors.map(({ key }) => (random.chance(0.05) ? `${key}:q` : key));
    const args = actors.flatMap(({ token, grant }) => [token, String(random.pick(leasesMs)), grant]);
    const reply = this.#script('renew', keys, [this.#nonce(), ...args]);
    actors.forEach((actor, i) => {
      const [, , fence, lineage] = (reply?.[i + 1] ?? []) as ScriptReply;
      if (fence !== undefined) actor.grant = String(fence) + String(lineage);
    });
  }

  #ask(script: 'force' | 'inspect' | 'probe'): void {
    const random = this.#random;
    const key = random.pick(STATE_KEYS);
    const args = { force: [String(KEEP_MS), 'by hand'], inspect: [], probe: [random.pick(CHANNELS)] }[script];
    const keys = script === 'probe' ? ['lock:{}probe', 'lock:{}probe:q'] : [key, `${key}:q`];
    this.#script(script, keys, [this.#nonce(), ...args]);
  }

  /** The same bytes once more: a reply was lost. */
  #again(): void {
    const scripts = this.steps.filter((step) => step.does === 'script');
    const step = this.#random.pick(scripts.slice(-6));
    if (step !== undefined) this.#take(step);
  }

  #trouble(): void {
    const random = this.#random;
    const key = random.pick(KEYS);
    const channel = random.pick(CHANNELS);
    const strange = random.pick([
      'stranger',
      '',
      `f${'x'.repeat(32)}`,
      `f${'1'.repeat(33)}`,
      `h${'2'.repeat(70)}|`,
      `h${'3'.repeat(70)}`,
    ]);
    const actor = random.pick(this.#actors);
    const forever = `h${'1795132800000009'.repeat(3)}${actor.token}${actor.tail}`;
    const troubles: (() => void)[] = [
      () => this.#take({ does: 'listen', channel }),
      () => this.#take({ does: 'leave', channel }),
      () => this.#take({ does: 'drop', key }),
      () => this.#take({ does: 'drop', key: random.pick(STATE_KEYS) }),
      () => this.#take({ does: 'wipe' }),
      () => this.#take({ does: 'disturb', key, value: strange }),
      () => this.#take({ does: 'disturb', key: actor.key, value: forever }),
      () => this.#take({ does: 'disturb', key, value: strange, score: random.integer(1, 9) }),
      () => this.#refuseFor(random.pick(['OOM', 'READONLY'] as const)),
    ];
    random.pick(troubles)();
  }

  /** Only scripts meet a refusing server: a test that writes by itself would be refused, too. */
  #refuseFor(refusal: 'OOM' | 'READONLY'): void {
    const random = this.#random;
    this.#take({ does: 'refuse', refusal });
    for (let i = random.integer(1, 4); i > 0; i--) {
      const actor = random.pick(this.#actors);
      random.pick([
        () => this.#acquire(actor),
        () => this.#release(actor),
        () => this.#renew(LONGER_MS),
        () => this.#ask('force'),
      ])();
    }
    this.#take({ does: 'refuse', refusal: undefined });
  }

  /** A little longer if something would run out just then. */
  #passTime(wantedMs: number): void {
    const ends = KEYS.map((key) => this.#world.server.pttl(key)).filter((left) => left >= 0);
    let ms = wantedMs;
    while (ends.some((left) => left - ms >= -1 && left - ms < MARGIN_MS)) ms += MARGIN_MS;
    this.#take({ does: 'time', ms });
  }

  #script(
    script: Extract<Step, { does: 'script' }>['script'],
    keys: string[],
    args: string[],
  ): ScriptReply | undefined {
    const outcome = this.#take({ does: 'script', script, keys, args });
    return Array.isArray(outcome) ? (outcome as ScriptReply) : undefined;
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
    const actor = this.#actors.find(({ token }) => token === message.slice(1, 23));
    if (actor !== undefined) actor.grant = message.slice(23, 55);
  }

  #newActor(key: string): void {
    const random = this.#random;
    const token = `token-${String(this.#tokens++).padStart(4, '0')}-abcdefghijk`;
    const tail = `${random.pick(CHANNELS)}|${random.pick(['', 'label', 'l|l', 'ünïcode ✓'])}`;
    const actor = { key, token, tail, leaseMs: random.pick(LEASES_MS), ticket: '0', grant: '', member: '' };
    const old = this.#actors.findIndex((other) => other.key === key && random.chance(0.3));
    if (old === -1 && this.#actors.length < 10) this.#actors.push(actor);
    else this.#actors[Math.max(0, old)] = actor;
  }

  #keysOf({ key }: Actor): string[] {
    return [key, `${key}:q`];
  }

  #nonce(): string {
    return `n${this.steps.length}`;
  }
}
