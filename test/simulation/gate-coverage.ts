import { gateKeys } from '../../lib/stores/redis/redis-keys.js';
import type { ScriptName, ScriptReply } from '../../lib/stores/redis/redis-link.js';
import type { Coverage } from './coverage.js';
import { isBatch, type ScriptInput } from './scripted-includes.js';
import type { ScriptedServer } from './scripted-server.js';

/** What lies at the gate of a name. */
interface Seen {
  readonly isOpen: boolean;
  readonly isHeldPlainly: boolean;
  readonly limit: number;
  readonly over: number;
  readonly live: number;
  readonly waiting: number;
}

/** Counts what scripts do at gates, by looking at their keys before and after. */
export class GateCoverage {
  constructor(
    private readonly coverage: Coverage,
    private readonly data: ScriptedServer,
  ) {}

  /** Runs the script, and counts. */
  count(
    script: ScriptName,
    { keys, args }: Pick<ScriptInput, 'keys' | 'args'>,
    run: () => ScriptReply,
  ): ScriptReply {
    if (!script.startsWith('gate-')) {
      const reply = run();
      this.coverage.toTheGate += answersIn(script, reply).filter((code) => code === -11).length;
      return reply;
    }
    const names = keys.filter((key) => !/:(q2?|h|i|l)$/.test(key));
    const before = names.map((name) => this.#look(name));
    const reply = run();
    const codes = answersIn(script, reply);
    names.forEach((name, i) => this.#changed(before[i]!, this.#look(name)));
    const { coverage } = this;
    coverage.fromTheGate += codes.filter((code) => code === -12).length;
    coverage.otherKind += codes.filter((code) => code === -14).length;
    coverage.tooHeavy += codes.filter((code) => code === -15).length;
    const [code] = codes;
    if (script === 'gate-upgrade' && code === 2) coverage.upgradeQueued += 1;
    if (script === 'gate-upgrade' && args.at(-1) === 'c') {
      if (code === 0) coverage.upgradeGivenUp += 1;
      if (code === 1) coverage.upgradeGivenUpLate += 1;
    }
    if (script === 'gate-force' && code === 1 && args.at(-1) !== '' && before[0]!.live > 1)
      coverage.forcedOneOfSeveral += 1;
    return reply;
  }

  #changed(before: Seen, after: Seen): void {
    const { coverage } = this;
    if (!before.isOpen && after.isOpen) coverage.gateOpened += 1;
    if (!before.isOpen && after.isOpen && before.isHeldPlainly) coverage.gateTakenOver += 1;
    if (before.isOpen && !after.isOpen) coverage.gateClosed += 1;
    if (!before.isOpen || !after.isOpen) return;
    if (before.over > 0 && before.live > 0 && after.over === 0) coverage.expiredOneOfSeveral += 1;
    if (before.waiting - after.waiting > 1) coverage.letInTogether += 1;
    if (before.limit > 0 && after.limit > before.limit) coverage.limitRaised += 1;
    if (before.limit > 0 && after.limit < before.limit) coverage.limitLowered += 1;
  }

  #look(name: string): Seen {
    const { redis } = this.data;
    const { state, holders, waiting } = gateKeys(name);
    const text = redis.get(state) ?? '';
    const isOpen = text.startsWith('v2:');
    const ends = isOpen ? redis.zrange(holders).map(({ score }) => score) : [];
    const over = ends.filter((end) => end < redis.time() / 1_000 - 1).length;
    return {
      isOpen,
      isHeldPlainly: /^[hH]/.test(text),
      limit: isOpen ? Number(text.slice(36, 46)) : 0,
      over,
      live: ends.length - over,
      waiting: isOpen ? redis.zcard(waiting) : 0,
    };
  }
}

/** The codes of the answers; of a script about one name there is one. */
function answersIn(script: ScriptName, reply: ScriptReply): unknown[] {
  if (!isBatch(script) && script !== 'renew') return [reply[1]];
  return reply.slice(1).map((answer) => (Array.isArray(answer) ? (answer[0] as unknown) : answer));
}
