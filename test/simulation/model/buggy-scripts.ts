import type { ScriptReply } from '../../../lib/stores/redis/redis-link.js';
import type { ScriptedRedis } from '../scripted-redis.js';
import { type Script, SCRIPTED, type ScriptInput } from '../scripted-scripts.js';

/** Our scripts with one mistake each: see seeded-bugs.ts. */

const { acquire, release, force, yield: yields } = SCRIPTED;

const stateOf = ({ redis, keys }: ScriptInput) => redis.get(keys[0]!) ?? '';
const ownerIn = (state: string) => (/^[hH]/.test(state) ? state.slice(49, 71) : '');
const digits = (number: number) => String(number).padStart(16, '0');

/** Arguments of the one request; of a renewal OWN is the token. */
const [TERMS, OWN, SECOND] = [0, 1, 2];

const argumentOf = ({ args }: ScriptInput, index: number) => args[index]!;
const withArgument = (input: ScriptInput, index: number, text: string): ScriptInput => ({
  ...input,
  args: input.args.with(index, text),
});

/** The one answer. */
const answerOf = (reply: ScriptReply) => reply[1] as ScriptReply;

/** Runs the script as the owner, whoever asks. `from`: where its first own argument has the token. */
export const asOwner =
  (script: Script, from: number): Script =>
  (input) => {
    const asked = argumentOf(input, OWN);
    const owner = ownerIn(stateOf(input)) || asked.slice(from, from + 22);
    return script(withArgument(input, OWN, asked.slice(0, from) + owner + asked.slice(from + 22)));
  };

/** Runs it and then spoils what it wrote. */
export const thenWrite =
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
export const withoutClock =
  (script: Script): Script =>
  (input) => {
    const last = Number(stateOf(input).slice(1, 17));
    if (last === 0) return script(input);
    return script({ ...input, redis: at(input.redis, () => last) });
  };

/** The same server by another clock. */
function at(redis: ScriptedRedis, time: (us: number) => number): ScriptedRedis {
  return new Proxy(redis, {
    get: (real, name) => {
      if (name === 'time') return () => time(real.time());
      const command: unknown = Reflect.get(real, name, real);
      return typeof command === 'function' ? (command.bind(real) as unknown) : command;
    },
  });
}

export const withoutH = (after: string) => after.replace(/^H/, 'h');

/** A new lineage begins at 1 again. */
export const restarting: Script = (input) => {
  const before = stateOf(input);
  const reply = acquire(input);
  if (before !== '' || answerOf(reply)[0] !== 1) return reply;
  const one = digits(1);
  input.redis.overwriteStart(input.keys[0]!, stateOf(input)[0] + one + one);
  return reply.with(1, answerOf(reply).with(1, one).with(2, one));
};

/** Its own hold is anybody's. */
export const forgetful: Script = (input) => {
  const { redis, keys, args } = input;
  const [terms, owner] = [argumentOf(input, TERMS), argumentOf(input, OWN)];
  if (ownerIn(stateOf(input)) !== owner.slice(0, 22) || terms[8] !== 'w') return acquire(input);
  joinAgain(input, owner);
  redis.overwriteStart(keys[0]!, 'H');
  return [
    args[0]! + digits(redis.time()),
    [2, redis.pttl(keys[0]!), digits(redis.time()), digits(redis.time())],
  ];
};

function joinAgain({ redis, keys, args }: ScriptInput, owner: string): void {
  const member = owner.slice(0, 22) + args[TERMS]!.slice(0, 8) + owner.slice(22);
  redis.zaddNx(keys[1]!, { member, score: redis.time() });
  redis.pexpire(keys[1]!, 90_000);
}

/** Free after the end of a lease: whoever comes first takes it. */
export const barging: Script = (input) => {
  if (stateOf(input) !== '') return acquire(input);
  const queued = input.redis.zrange(input.keys[1]!);
  input.redis.drop(input.keys[1]!);
  const terms = argumentOf(input, TERMS);
  const reply = acquire(withArgument(input, TERMS, `${terms.slice(0, 8)}-${terms.slice(9)}`));
  for (const one of queued) input.redis.zaddNx(input.keys[1]!, one);
  if (queued.length === 0) return reply;
  input.redis.pexpire(input.keys[1]!, 90_000);
  input.redis.overwriteStart(input.keys[0]!, 'H');
  return reply;
};

/** PUBLISH was heard by nobody, and the lock is given all the same: to the first in the queue. */
export const toTheDead: Script = (input) => {
  const [first] = input.redis.zrange(input.keys[1]!);
  const state = stateOf(input);
  const reply = release(input);
  if (ownerIn(state) !== argumentOf(input, OWN).slice(49, 71) || first === undefined) return reply;
  const after = stateOf(input);
  const text = `H${after.slice(1, 33)}${digits(input.redis.time())}${first.member.slice(0, 22)}`;
  input.redis.setPx(input.keys[0]!, text + first.member.slice(30), 5_000);
  return reply;
};

/** Whoever is to be granted is told before anybody asks who listens here: what a replica's listener hears counts as unheard. */
export const publishingFirst =
  (script: Script): Script =>
  (input) =>
    script({
      ...input,
      redis: new Proxy(input.redis, {
        get: (real, name) => {
          if (name === 'listeners') return () => 1;
          const command: unknown = Reflect.get(real, name, real);
          return typeof command === 'function' ? (command.bind(real) as unknown) : command;
        },
      }),
    });

/** Its place is not taken out of the queue. */
export const leavingItsPlace: Script = (input) =>
  release(withArgument(input, TERMS, `${argumentOf(input, TERMS).slice(0, 9)}00000000`));

/** Whoever is not the owner is told that its hold had ended cleanly. */
export const believing: Script = (input) => {
  const reply = release(input);
  return answerOf(reply)[0] === -1 ? reply.with(1, [2]) : reply;
};

/** The tokens that were used beyond the granted one are forgotten. `index`, `from`: where the last one stands. */
export const withoutUsed =
  (script: Script, { index, from }: { index: number; from: number }): Script =>
  (input) => {
    const asked = argumentOf(input, index);
    const fence = stateOf(input).slice(1, 17) || digits(0);
    return script(withArgument(input, index, asked.slice(0, from) + fence + asked.slice(from + 16)));
  };

/** A copy of an earlier yield gives away what a later one has kept. */
export const withoutCompare: Script = (input) => {
  const hold = argumentOf(input, OWN);
  const fence = stateOf(input).slice(1, 17) || hold.slice(22, 38);
  return yields(withArgument(input, OWN, hold.slice(0, 22) + fence + hold.slice(38)));
};

/** Kept, as it was. */
export const keepingItsToken: Script = (input) => {
  const before = stateOf(input);
  const reply = yields(input);
  if (answerOf(reply)[0] !== 1 || ownerIn(stateOf(input)) !== ownerIn(before)) return reply;
  input.redis.overwriteStart(input.keys[0]!, before.slice(0, 17));
  return reply.with(1, answerOf(reply).with(1, before.slice(1, 17)));
};

/** The new place has the token of the hold that is given away. */
export const queuedAsBefore: Script = (input) => {
  const [hold, owner] = [argumentOf(input, OWN), argumentOf(input, SECOND)];
  return yields(withArgument(input, SECOND, hold.slice(0, 22) + owner.slice(22)));
};

/** Queues itself before it looks for the next one. */
export const queuedFirst: Script = (input) => {
  if (ownerIn(stateOf(input)) !== argumentOf(input, OWN).slice(0, 22)) return yields(input);
  joinAgain(input, argumentOf(input, SECOND));
  input.redis.overwriteStart(input.keys[0]!, 'H');
  return yields(input);
};

/** A repetition queues once more. */
export const queuedTwice: Script = (input) => {
  const reply = yields(input);
  if (answerOf(reply)[0] === 3) joinAgain(input, argumentOf(input, SECOND));
  return reply;
};

/** What was answered before is refused. */
export const forgettingItsYield: Script = (input) => {
  const reply = yields(input);
  return answerOf(reply)[0] === 3 ? reply.with(1, [-1]) : reply;
};

/** Keeps although others wait. */
export const greedy: Script = (input) => {
  const { redis, keys } = input;
  if (stateOf(input).startsWith('H')) redis.overwriteStart(keys[0]!, 'h');
  return yields(input);
};

/** The queue is never full. */
export const withRoom: Script = (input) => {
  const terms = argumentOf(input, TERMS);
  return acquire(withArgument(input, TERMS, `${terms.slice(0, 25)}00000009${terms.slice(33)}`));
};

/** A kept hold has a newer token than its grant. */
export const roomSinceGrant: Script = (input) => {
  const state = stateOf(input);
  const [known, granted] = [Number(state.slice(1, 17)), Number(state.slice(33, 49))];
  return force({ ...input, redis: at(input.redis, (us) => (us <= known && us > granted ? known + 1 : us)) });
};

/** Only the token that the state knows is thought to have been used. */
export const withoutRoom: Script = (input) => {
  const known = Number(stateOf(input).slice(1, 17));
  return force({ ...input, redis: at(input.redis, (us) => (us <= known ? known + 1 : us)) });
};
