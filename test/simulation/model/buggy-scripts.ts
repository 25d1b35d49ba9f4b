import { type Script, SCRIPTED, type ScriptInput } from '../scripted-scripts.js';

/** Our scripts with one mistake each: see seeded-bugs.ts. */

const { acquire, release } = SCRIPTED;

const stateOf = ({ redis, keys }: ScriptInput) => redis.get(keys[0]!) ?? '';
const ownerIn = (state: string) => (/^[hH]/.test(state) ? state.slice(49, 71) : '');

/** Runs the script as the owner, whoever asks. */
export const asOwner =
  (script: Script): Script =>
  (input) => {
    const owner = ownerIn(stateOf(input));
    return script({ ...input, args: input.args.with(1, owner || input.args[1]!) });
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
    const redis = new Proxy(input.redis, {
      get: (real, name) => {
        if (name === 'time') return () => last;
        const command: unknown = Reflect.get(real, name, real);
        return typeof command === 'function' ? (command.bind(real) as unknown) : command;
      },
    });
    return script({ ...input, redis });
  };

export const withoutH = (after: string) => after.replace(/^H/, 'h');

/** A new lineage begins at 1 again. */
export const restarting: Script = (input) => {
  const before = stateOf(input);
  const reply = acquire(input);
  if (before !== '' || reply[1] !== 1) return reply;
  const one = '1'.padStart(16, '0');
  input.redis.overwriteStart(input.keys[0]!, stateOf(input)[0] + one + one);
  return reply.with(2, one).with(3, one);
};

/** Its own hold is anybody's. */
export const forgetful: Script = (input) => {
  const { redis, keys, args } = input;
  const state = stateOf(input);
  if (ownerIn(state) !== args[1] || args[4] !== '1') return acquire(input);
  redis.zaddNx(keys[1]!, { member: `${args[1]}${args[2]}${args[3]}`, score: redis.time() });
  redis.pexpire(keys[1]!, 90_000);
  redis.overwriteStart(keys[0]!, 'H');
  return [args[0]!, 2, redis.pttl(keys[0]!), String(redis.time()), String(redis.time())];
};

/** Free after the end of a lease: whoever comes first takes it. */
export const barging: Script = (input) => {
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
export const toTheDead: Script = (input) => {
  const [first] = input.redis.zrange(input.keys[1]!);
  const state = stateOf(input);
  const reply = release(input);
  if (ownerIn(state) !== input.args[1] || first === undefined) return reply;
  const after = stateOf(input);
  const text = `H${after.slice(1, 33)}${String(input.redis.time()).padStart(16, '0')}${first.member.slice(0, 22)}`;
  input.redis.setPx(input.keys[0]!, text + first.member.slice(30), 5_000);
  return reply;
};
