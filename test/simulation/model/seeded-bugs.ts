import type { ScriptName } from '../../../lib/stores/redis/redis-link.js';
import { type Script, SCRIPTED, type ScriptInput } from '../scripted-scripts.js';
import type { ClientBugs } from './client-rules.js';
import { type Budget } from './world.js';

/** A mistake that one could make, and the smallest case in which the checker finds it. Each of them is a protection switched off. */
export interface SeededBug {
  readonly name: string;
  /** The law that it breaks first. */
  readonly breaks: string;
  /** Found only after tens of thousands of states. */
  readonly isFar?: boolean;
  readonly scripts?: Partial<Record<ScriptName, Script>>;
  readonly client?: ClientBugs;
  readonly clients?: number;
  readonly cycles?: number;
  readonly tries?: boolean;
  readonly budget: Partial<Budget>;
}

const { acquire, release, renew, force } = SCRIPTED;

const stateOf = ({ redis, keys }: ScriptInput) => redis.get(keys[0]!) ?? '';
const ownerIn = (state: string) => (/^[hH]/.test(state) ? state.slice(49, 71) : '');

/** Runs the script as the owner, whoever asks. */
const asOwner =
  (script: Script): Script =>
  (input) => {
    const owner = ownerIn(stateOf(input));
    return script({ ...input, args: input.args.with(1, owner || input.args[1]!) });
  };

/** Runs it and then spoils what it wrote. */
const thenWrite =
  (script: Script, change: (after: string, before: string) => string): Script =>
  (input) => {
    const before = stateOf(input);
    const reply = script(input);
    const after = stateOf(input);
    const changed = change(after, before);
    if (changed !== after) input.redis.overwriteStart(input.keys[0]!, changed);
    return reply;
  };

/** Where there is a last token the clock says nothing new: the next one is that + 1. */
const withoutClock =
  (script: Script): Script =>
  (input) => {
    const last = Number(stateOf(input).slice(1, 17));
    if (last === 0) return script(input);
    const redis = new Proxy(input.redis, {
      get: (real, name) => {
        if (name === 'time') return () => last;
        const command: unknown = Reflect.get(real, name, real);
        return typeof command === 'function' ? (command.bind(real) as unknown) : command;
      },
    });
    return script({ ...input, redis });
  };

const withoutH = (after: string) => after.replace(/^H/, 'h');

/** A new lineage begins at 1 again. */
const restarting: Script = (input) => {
  const before = stateOf(input);
  const reply = acquire(input);
  if (before !== '' || reply[1] !== 1) return reply;
  const one = '1'.padStart(16, '0');
  input.redis.overwriteStart(input.keys[0]!, stateOf(input)[0] + one + one);
  return reply.with(2, one).with(3, one);
};

/** Its own hold is anybody's. */
const forgetful: Script = (input) => {
  const { redis, keys, args } = input;
  const state = stateOf(input);
  if (ownerIn(state) !== args[1] || args[4] !== '1') return acquire(input);
  redis.zaddNx(keys[1]!, { member: `${args[1]}${args[2]}${args[3]}`, score: redis.time() });
  redis.pexpire(keys[1]!, 90_000);
  redis.overwriteStart(keys[0]!, 'H');
  return [args[0]!, 2, redis.pttl(keys[0]!), String(redis.time()), String(redis.time())];
};

/** Free after the end of a lease: whoever comes first takes it. */
const barging: Script = (input) => {
  if (stateOf(input) !== '') return acquire(input);
  const queued = input.redis.zrange(input.keys[1]!);
  input.redis.drop(input.keys[1]!);
  const reply = acquire({ ...input, args: input.args.with(4, '0') });
  for (const one of queued) input.redis.zaddNx(input.keys[1]!, one);
  if (queued.length === 0) return reply;
  input.redis.pexpire(input.keys[1]!, 90_000);
  input.redis.overwriteStart(input.keys[0]!, 'H');
  return reply;
};

/** PUBLISH was heard by nobody, and the lock is given all the same: to the first in the queue. */
const toTheDead: Script = (input) => {
  const [first] = input.redis.zrange(input.keys[1]!);
  const state = stateOf(input);
  const reply = release(input);
  if (ownerIn(state) !== input.args[1] || first === undefined) return reply;
  const after = stateOf(input);
  const text = `H${after.slice(1, 33)}${String(input.redis.time()).padStart(16, '0')}${first.member.slice(0, 22)}`;
  input.redis.setPx(input.keys[0]!, text + first.member.slice(30), 5_000);
  return reply;
};

export const SEEDED_BUGS: readonly SeededBug[] = [
  {
    name: 'release does not look who asks',
    breaks: 'a release answers «released» exactly to the owner',
    scripts: { release: asOwner(release) },
    budget: { cancel: 1 },
  },
  {
    name: 'renew does not look who asks',
    breaks: 'a renewal answers whether it is the owner',
    scripts: { renew: asOwner(renew) },
    budget: { renew: 1, slow: 2 },
  },
  {
    name: 'acquire does not set H',
    breaks: "a state 'h' means that nobody is queued",
    scripts: { acquire: thenWrite(acquire, withoutH) },
    budget: {},
  },
  {
    name: 'promotion does not set H',
    breaks: "a state 'h' means that nobody is queued",
    scripts: { release: thenWrite(release, withoutH) },
    clients: 3,
    budget: {},
  },
  {
    name: 'fence restarts with a new lineage',
    breaks: 'the fencing token rises with every grant',
    scripts: { acquire: restarting },
    cycles: 2,
    budget: {},
  },
  {
    name: 'fence stays the same in a hand-off',
    breaks: 'the fencing token rises with every grant',
    scripts: {
      release: thenWrite(release, (after, before) =>
        /^[hH]/.test(after) ? after[0] + before.slice(1, 17) : after,
      ),
    },
    budget: {},
  },
  {
    name: 'fence is only the last one + 1',
    breaks: 'the fencing token rises with every grant',
    scripts: { release: withoutClock(release), acquire: withoutClock(acquire) },
    clients: 3,
    budget: { rollback: 1 },
  },
  {
    name: 'release leaves the queue alone',
    breaks: 'after its release nobody is queued still',
    scripts: { release: (input) => release({ ...input, args: input.args.with(4, '') }) },
    budget: { cancel: 1 },
  },
  {
    name: 'acquire does not know its own token',
    breaks: 'an owner that asks again gets the same hold',
    scripts: { acquire: forgetful },
    budget: { cut: 1 },
  },
  {
    name: 'the first who asks after the end of a lease overtakes',
    breaks: 'nobody overtakes a live waiter',
    scripts: { acquire: barging },
    clients: 3,
    budget: { slow: 0 },
  },
  {
    name: 'the lock is given to one whom nobody hears',
    breaks: 'the first live waiter is next',
    scripts: { release: toTheDead },
    clients: 2,
    budget: { crash: 1 },
  },
  {
    name: '«had ended cleanly» without a look at the lineage',
    breaks: '«had ended cleanly» is true',
    scripts: {
      release: (input) => {
        const reply = release(input);
        return reply[1] === -1 ? reply.with(1, 2) : reply;
      },
    },
    cycles: 1,
    budget: { slow: 2 },
  },
  {
    name: 'force keeps the lineage',
    breaks: '«had ended cleanly» is true',
    scripts: {
      force: thenWrite(force, (after, before) =>
        after === before ? after : after.slice(0, 17) + before.slice(17, 33),
      ),
    },
    budget: { force: 1 },
  },
  {
    name: 'deadline counted from the reply',
    breaks: 'whoever believes to hold the lock is its owner',
    client: { deadlineFromReply: true },
    budget: { slow: 2 },
  },
  {
    name: 'deadline of a push counted from its arrival',
    breaks: 'whoever believes to hold the lock is its owner',
    client: { pushDeadlineFromArrival: true },
    budget: { slow: 1 },
  },
  {
    name: 'a push older than the last reply is believed',
    breaks: 'whoever believes to hold the lock is its owner',
    isFar: true,
    client: { trustsOldPush: true },
    clients: 3,
    budget: { slow: 2 },
  },
  {
    name: 'who waits never polls',
    breaks: 'from every state everybody who waits is served in the end',
    client: { neverPolls: true },
    budget: { lostPush: 1 },
  },
  {
    name: 'a newer grant is not learned',
    breaks: 'whoever holds the lock knows its fencing token',
    client: { forgetsNewerGrant: true },
    clients: 2,
    budget: { slow: 2, wipe: 1 },
  },
  {
    name: 'a release names its place only when it never held',
    breaks: 'after its release nobody is queued still',
    isFar: true,
    client: { memberOnlyWhenNotHeld: true },
    clients: 3,
    budget: { slow: 2 },
  },
  {
    name: 'a hold that was ended by force is not ended with its own token',
    breaks: 'no hold is left behind',
    client: { forcedWithoutEnd: true },
    budget: { force: 1 },
  },
  {
    name: 'a wait that is given up is not undone',
    breaks: 'no place in the queue is left behind',
    client: { abortWithoutUndo: true },
    budget: { cancel: 1 },
  },
  {
    name: 'an acquisition that failed without an answer is not undone',
    breaks: 'no hold is left behind',
    client: { failureWithoutUndo: true },
    budget: { cut: 1 },
  },
];
