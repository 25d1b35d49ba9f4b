import type { ScriptName } from '../../lib/stores/redis/redis-link.js';
import { SCRIPTS } from '../../lib/stores/redis/redis-scripts.generated.js';
import { type Coverage, noCoverage } from './coverage.js';
import { asSent } from './reply-text.js';
import { GateCoverage } from './gate-coverage.js';
import type { Scripts } from './scripted-scripts.js';
import { ReplyError, ScriptedServer } from './scripted-server.js';
import type { VirtualWorld } from './virtual-world.js';

const SERVER_START_MS = Date.UTC(2026, 0, 1);
const SCRIPT_US = 2;

export interface ServerCommand {
  readonly name: 'evalsha' | 'eval' | 'info' | 'subscribe' | 'unsubscribe';
  /** For eval and evalsha: text or SHA, keys, arguments. */
  readonly script?: {
    readonly id: string;
    readonly keys: readonly string[];
    readonly args: readonly string[];
  };
  readonly channel?: string;
}

export type ServerReply = { readonly value: unknown } | { readonly error: string };

/** The server's end of one connection. */
export interface ServerSession {
  readonly channels: Set<string>;
  reply(reply: ServerReply): void;
  push(channel: string, message: string): void;
}

/** What a server answers instead of doing its work. */
export type Refusal = 'READONLY' | 'OOM' | 'LOADING' | 'NOPERM' | 'BUSY' | 'MASTERDOWN';

const REFUSALS: Record<Exclude<Refusal, 'READONLY' | 'OOM'>, string> = {
  LOADING: 'LOADING Redis is loading the dataset in memory',
  NOPERM: "NOPERM User locker has no permissions to run the 'evalsha' command",
  BUSY: 'BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.',
  MASTERDOWN: "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
};

const NAME_OF = new Map<string, ScriptName>(
  Object.entries(SCRIPTS).flatMap(([name, { sha, text }]) => [
    [sha, name as ScriptName],
    [text, name as ScriptName],
  ]),
);

/** One Redis: its scripts' semantics are the scripted server's; here are its connections and what can go wrong with it. */
export class SimulatedServer {
  readonly data: ScriptedServer;
  readonly sessions = new Set<ServerSession>();
  /** Connections to a replica of it: they hear what is published here, but nobody here counts them. */
  readonly elsewhere = new Set<ServerSession>();
  /** Accepts no connection: it is down. */
  down = false;
  commands = 0;
  #clockStepMs = 0;
  #refusal: Refusal | undefined;
  #frozenUntilMs = 0;
  /** The earliest that its clock may show to the next script. */
  #earliestUs = 0;
  readonly #waiting: (() => void)[] = [];
  readonly #loaded = new Set<ScriptName>();

  readonly #gates: GateCoverage;

  constructor(
    private readonly world: VirtualWorld,
    readonly coverage: Coverage = noCoverage(),
    /** With a seeded bug. */
    scripts?: Scripts,
  ) {
    this.data = new ScriptedServer(
      {
        nowUs: () => this.#nowUs(),
        listeners: (channel) => this.#listeners(channel).length,
        publish: (channel, message) => this.#publish(channel, message),
      },
      scripts,
    );
    this.#gates = new GateCoverage(coverage, this.data);
  }

  /** What its clock would show then, if nothing sets it. */
  clockUs(atMs: number): number {
    return Math.floor((SERVER_START_MS + atMs + this.#clockStepMs) * 1_000);
  }

  /** A script takes its time: no two of them see the same microsecond, even if their requests arrive together, or nearly so. */
  #nowUs(): number {
    return Math.max(this.clockUs(this.world.nowMs), this.#earliestUs);
  }

  /** The clock as the next script finds it. */
  #beginScript(): void {
    this.#earliestUs = this.#nowUs() + SCRIPT_US;
  }

  get refusal(): Refusal | undefined {
    return this.#refusal;
  }

  set refusal(refusal: Refusal | undefined) {
    this.#refusal = refusal;
    this.data.refusal = refusal === 'READONLY' || refusal === 'OOM' ? refusal : undefined;
  }

  /** Commands that arrive meanwhile are executed afterwards, in the order of their arrival. */
  freeze(forMs: number): void {
    this.#frozenUntilMs = Math.max(this.#frozenUntilMs, this.world.nowMs + forMs);
    this.world.at(this.#frozenUntilMs, () => this.#thaw());
  }

  stepClock(byMs: number): void {
    this.#clockStepMs += byMs;
    this.#earliestUs = 0;
  }

  forgetScripts(): void {
    this.#loaded.clear();
  }

  /** A request has arrived. */
  receive(session: ServerSession, command: ServerCommand): void {
    if (this.world.nowMs < this.#frozenUntilMs) this.#waiting.push(() => this.#execute(session, command));
    else this.#execute(session, command);
  }

  #thaw(): void {
    if (this.world.nowMs < this.#frozenUntilMs) return;
    for (const execute of this.#waiting.splice(0)) execute();
  }

  #execute(session: ServerSession, command: ServerCommand): void {
    if (this.down) return;
    this.commands += 1;
    try {
      session.reply({ value: this.#answer(session, command) });
    } catch (error) {
      if (!(error instanceof ReplyError)) throw error;
      session.reply({ error: error.message });
    }
  }

  #answer(session: ServerSession, command: ServerCommand): unknown {
    const { name, channel = '', script } = command;
    const loading = this.#refusal === 'LOADING';
    if (name === 'info') {
      return `redis_version:7.2.0\r\nrun_id:${this.sessions.has(session) ? 'primary' : 'replica'}\r\nrole:master\r\nmaxmemory_policy:noeviction\r\nloading:${loading ? 1 : 0}`;
    }
    const refusal = this.#refusal;
    if (refusal !== undefined && refusal !== 'READONLY' && refusal !== 'OOM')
      throw new ReplyError(REFUSALS[refusal]);
    if (name === 'subscribe') return session.channels.add(channel).size;
    if (name === 'unsubscribe') return (session.channels.delete(channel), session.channels.size);
    if (script === undefined) throw new Error(`${name} needs a script`);
    const which = NAME_OF.get(script.id);
    if (which === undefined) throw new Error('the client sent a script that is not ours');
    if (name === 'eval') this.#loaded.add(which);
    else if (!this.#loaded.has(which)) throw new ReplyError('NOSCRIPT No matching script.');
    this.#count(which, script.keys.length);
    this.#beginScript();
    const run = () => this.data.run(which, script.keys, script.args);
    return asSent(which, this.#gates.count(which, script, run), script);
  }

  #count(script: ScriptName, keys: number): void {
    const { coverage } = this;
    if (script === 'renew') {
      if (keys > 1) coverage.renewBatches += 1;
      coverage.largestRenewBatch = Math.max(coverage.largestRenewBatch, keys);
    } else if (keys >= 2 && !script.startsWith('gate-')) {
      if (keys > 2) coverage.batches += 1;
      coverage.largestBatch = Math.max(coverage.largestBatch, keys / 2);
    }
  }

  #listeners(channel: string): ServerSession[] {
    return [...this.sessions].filter(({ channels }) => channels.has(channel));
  }

  #publish(channel: string, message: string): void {
    for (const session of this.#listeners(channel)) session.push(channel, message);
    for (const session of this.elsewhere) {
      if (!session.channels.has(channel)) continue;
      if (message.startsWith('W')) this.coverage.woken += 1;
      session.push(channel, message);
    }
  }
}
