import { LockStoreError, type LockStoreCode, redactPasswords } from '../../lock-errors.js';
import type { ScriptReply } from './redis-link.js';

/**
 * How a reply's first word maps to what the caller can do about it. Anything else that the server answers is UNAVAILABLE, which is
 * retried: a refusal that we do not know is more often a passing state than a wrong set-up.
 */
const BY_FIRST_WORD: ReadonlyMap<string, { code: LockStoreCode; advice: string }> = new Map([
  ['READONLY', { code: 'LOCK_STORE_READONLY', advice: 'this server is a replica; connect to the primary' }],
  [
    'NOPERM',
    {
      code: 'LOCK_STORE_UNSUPPORTED',
      advice: "give the user the permissions listed in the Redis store's page",
    },
  ],
  [
    'NOAUTH',
    {
      code: 'LOCK_STORE_UNSUPPORTED',
      advice: 'the server wants a password; put it into the URL or the options',
    },
  ],
  ['WRONGPASS', { code: 'LOCK_STORE_UNSUPPORTED', advice: 'the user name or password is wrong or disabled' }],
  [
    'DENIED',
    {
      code: 'LOCK_STORE_UNSUPPORTED',
      advice: 'the server is in protected mode; give its user a password, or bind it to an address',
    },
  ],
  [
    'WRONGTYPE',
    { code: 'LOCK_KEY_CONFLICT', advice: 'another program uses this key; choose another `prefix`' },
  ],
  [
    'MOVED',
    { code: 'LOCK_STORE_UNSUPPORTED', advice: 'the server is part of a cluster, which is not built yet' },
  ],
  [
    'CROSSSLOT',
    { code: 'LOCK_STORE_UNSUPPORTED', advice: 'the server is part of a cluster, which is not built yet' },
  ],
  [
    'OOM',
    {
      code: 'LOCK_STORE_UNAVAILABLE',
      advice: "the server's memory is full; raise maxmemory (policy noeviction)",
    },
  ],
]);

/** From an error of the client or the server to ours. Never carries the command: its arguments hold the owner token. */
export function storeError(error: unknown, doing: string, lockName?: string): LockStoreError {
  if (error instanceof LockStoreError) return error;
  const { name, code, message } = (error ?? {}) as Record<string, unknown>;
  const said = String(message ?? error);
  const given = isSelfTalk(said) ? 'the connection was lost before an answer came' : said;
  const text = redactPasswords(withoutArguments(given));
  const details = { lockName, cause: { name, code, message: text } };
  const known = isReply(error) ? BY_FIRST_WORD.get(firstWord(given)) : undefined;
  if (known !== undefined)
    return new LockStoreError(known.code, `${doing}: ${known.advice} (${text})`, details);
  const isRefused = isReply(error) && /unknown command|invalid password/i.test(given);
  const ours = isRefused ? 'LOCK_STORE_UNSUPPORTED' : 'LOCK_STORE_UNAVAILABLE';
  return new LockStoreError(ours, `${doing}: ${text}`, details);
}

/** Is it what ioredis says of itself, and of options that nobody has set? It tells nothing to who must mend it. */
export function isSelfTalk(text: string): boolean {
  return /^(Reached the max retries per request|Connection is closed|Stream isn't writeable)/.test(text);
}

/** Of a command that it does not know a server repeats the arguments: the password of AUTH and HELLO, the owner token of a script. */
function withoutArguments(text: string): string {
  return text.replace(/,? with args beginning with.*$/is, '');
}

/**
 * Did the server itself refuse? Then the script was not executed and nothing needs to be undone. Otherwise (connection gone, no
 * reply in time) it may have been.
 */
export function isReply(error: unknown): boolean {
  return (error as { name?: unknown } | null)?.name === 'ReplyError';
}

/**
 * States of a server that pass without anybody's doing, or by its operator's: nothing was executed, and the same request is right a
 * moment later. What is not listed is told at once: to wait for a permission would only hide that it is missing.
 */
const PASSING: ReadonlySet<string> = new Set([
  'BUSY', // somebody's script runs
  'LOADING', // after a restart
  'MASTERDOWN', // a replica that waits for its primary
  'READONLY', // demoted: the client connects anew at it, and finds the new primary
  'NOREPLICAS', // fewer of them than `min-replicas-to-write`
  'MISCONF', // the disk is full
  'OOM', // the memory is
  'CLUSTERDOWN', // a slot has no node
  'TRYAGAIN', // a slot is on its way to another node
]);

/** Does it make sense to ask again, although the server refused? For errors of the client, and for ours that have one as their cause. */
export function isPassing(error: unknown): boolean {
  if (error === undefined || error === null) return false;
  const { message, cause } = error as { message?: unknown; cause?: unknown };
  return isReply(error) ? PASSING.has(firstWord(message)) : isPassing(cause);
}

/** What a server says in other ways than as the error of a command. */
export function refusal(text: string): Error {
  return Object.assign(new Error(text), { name: 'ReplyError' });
}

function firstWord(text: unknown): string {
  return String(text).split(' ', 1)[0] ?? '';
}

/** The codes with which a script says that what lies in the key is not for it: no lock, or a lock in a later format. */
const CONFLICT = -9;
const LATER_FORMAT = -10;

export function isForeign(code: unknown): boolean {
  return code === CONFLICT || code === LATER_FORMAT;
}

/** The error for such an answer. */
export function foreignKey([code, what]: ScriptReply, key: string, lockName: string): LockStoreError {
  if (code === LATER_FORMAT) {
    const text = `lock "${lockName}" (key "${key}") was written by a later release, in format ${String(what)}; this one reads formats 1 and 2: finish the update of all processes`;
    return new LockStoreError('LOCK_STORE_UNSUPPORTED', text, { lockName });
  }
  const message = `key "${key}" is in the way of lock "${lockName}": ${String(what)}; is the prefix shared with another program?`;
  return new LockStoreError('LOCK_KEY_CONFLICT', message, { lockName });
}
