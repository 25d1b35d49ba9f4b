/** The scripts for operators and for the start, line by line: see scripted-scripts.ts. */
import {
  channelOf,
  digits,
  fenceOf,
  grantedOf,
  isLock,
  labelOf,
  notOurs,
  ownerOf,
  promote,
  type Script,
  tailOf,
  toNumber,
} from './scripted-includes.js';

/** Jest makes each look at a global slow. */
const { max } = Math;

export const force: Script = ({ redis, keys, args }) => {
  const [stateKey = '', queueKey = ''] = keys;
  const lock = { state: stateKey, queue: queueKey };
  const [nonce = '', keepMs = '', reason = '', only = ''] = args;
  const state = redis.get(stateKey);
  if (state !== undefined && !isLock(state)) return [nonce, ...notOurs(state)];
  if (state === undefined || state.startsWith('f')) return [nonce, 0];
  const isLater = only > digits(max(redis.time(), toNumber(fenceOf(state))));
  if (only !== '' && (only < fenceOf(state) || isLater)) return [nonce, 0];

  const tail = tailOf(state);
  redis.publish(channelOf(tail), `L${ownerOf(state)}${reason}`);
  const us = redis.time();
  const known = toNumber(fenceOf(state));
  const unwritten = us <= known ? 1_000_000 : 0;
  const fence = digits(max(us, known + 1 + unwritten));
  redis.pexpire(stateKey, toNumber(keepMs));
  if (promote(redis, lock, { fence, lineage: fence, us }) === undefined) {
    redis.setPx(stateKey, `f${fence}${fence}`, toNumber(keepMs));
  }
  const label = labelOf(tail);
  return [nonce, 1, fenceOf(state), ...(label === undefined ? [] : [label])];
};

export const inspect: Script = ({ redis, keys, args }) => {
  const [stateKey = '', queueKey = ''] = keys;
  const [nonce = ''] = args;
  const state = redis.get(stateKey);
  const waiting = redis.zcard(queueKey);
  if (state !== undefined && !isLock(state)) return [nonce, ...notOurs(state)];
  if (state === undefined || state.startsWith('f')) return [nonce, waiting];
  const label = labelOf(tailOf(state));
  return [
    nonce,
    waiting,
    fenceOf(state),
    grantedOf(state),
    redis.pttl(stateKey),
    ...(label === undefined ? [] : [label]),
  ];
};

export const probe: Script = ({ redis, keys, args }) => {
  const [stateKey = '', queueKey = ''] = keys;
  const [nonce = '', channel = '', text = ''] = args;
  const reply: (string | number)[] = [nonce, redis.listeners(channel)];
  const attempt = (command: string, work: () => unknown) => {
    try {
      work();
    } catch (error) {
      reply.push(`${command}: ${(error as Error).message}`);
    }
  };
  attempt('SET', () => redis.setPx(stateKey, 'probe', 1_000));
  attempt('GET', () => redis.get(stateKey));
  attempt('SETRANGE', () => redis.overwriteStart(stateKey, 'P'));
  attempt('PTTL', () => redis.pttl(stateKey));
  attempt('PEXPIRE', () => redis.pexpire(stateKey, 1_000));
  attempt('ZADD', () => redis.zaddNx(queueKey, { member: 'probe', score: 1 }));
  attempt('ZSCORE', () => redis.zscore(queueKey, 'probe'));
  attempt('ZCARD', () => redis.zcard(queueKey));
  attempt('PEXPIRE', () => redis.pexpire(queueKey, 1_000));
  attempt('ZREM', () => redis.zrem(queueKey, 'probe'));
  attempt('ZPOPMIN', () => redis.zpopmin(queueKey));
  attempt('EXISTS', () => redis.exists(queueKey));
  attempt('PEXPIRE', () => redis.pexpire(stateKey, 1));
  attempt('PUBLISH', () => redis.publish(channel, `P${text}`));
  return reply;
};
