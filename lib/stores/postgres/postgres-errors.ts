import { LockStoreError, type LockStoreCode, redactPasswords } from '../../lock-errors.js';

interface Advice {
  readonly code: LockStoreCode;
  readonly advice: string;
}

const NO_SCHEMA: Advice = {
  code: 'LOCK_STORE_UNSUPPORTED',
  advice:
    "the lock schema is not there, or not complete; run the text of postgresLockSchema(…).up as a migration, or give createSchema: 'create'",
};
const READONLY: Advice = {
  code: 'LOCK_STORE_READONLY',
  advice: 'this server is a standby, or read-only; connect to the primary',
};
const NO_LOGIN: Advice = {
  code: 'LOCK_STORE_UNSUPPORTED',
  advice: 'the server does not let this user in; mind name, password, database and pg_hba.conf',
};

const NO_TLS: Advice = {
  code: 'LOCK_STORE_UNSUPPORTED',
  advice:
    'TLS does not come about; mind ssl: { ca } of the options, the host in the certificate, and ssl of the server',
};

/** How an SQLSTATE maps to what the caller can do about it. Anything else is UNAVAILABLE, which is retried. */
const BY_STATE: ReadonlyMap<string, Advice> = new Map([
  ['3F000', NO_SCHEMA],
  ['42883', NO_SCHEMA],
  ['42P01', NO_SCHEMA],
  ['25006', READONLY],
  ['28P01', NO_LOGIN],
  ['28000', NO_LOGIN],
  ['3D000', { code: 'LOCK_STORE_UNSUPPORTED', advice: 'there is no such database' }],
  [
    '42501',
    {
      code: 'LOCK_STORE_UNSUPPORTED',
      advice:
        'this user lacks rights; run the text of postgresLockSchema(…).grants(role) as the owner of the schema',
    },
  ],
  [
    'DLK01',
    {
      code: 'LOCK_STORE_UNSUPPORTED',
      advice:
        'set default_transaction_isolation to read committed for this user; behind a pooler the store cannot do it itself',
    },
  ],
  [
    '53300',
    {
      code: 'LOCK_STORE_UNAVAILABLE',
      advice:
        'the server has no connection left; raise max_connections, or lower `connections` (each process opens up to that many, and one more)',
    },
  ],
]);

/** Did the server itself refuse, so that its transaction was rolled back? Otherwise it may have been executed. */
export function isReply(error: unknown): boolean {
  const state = stateOf(error);
  return state !== undefined && !UNKNOWN.test(state);
}

/** The server ended the connection, or says itself that it does not know: a COMMIT may have come before. */
const UNKNOWN = /^(08...|57P01|57P02|57P05|40003)$/;

/**
 * States that pass without anybody's doing, or by the operator's: nothing was executed, and the same request is right a moment later. What
 * is not listed is told at once.
 */
const PASSING = /^(40001|40P01|53...|55P03|57014|57P03|25006|26000|42P05|DLK05)$/;

/** Does it make sense to ask again, although the server refused? For errors of the server, and for ours that have one as their cause. */
export function isPassing(error: unknown): boolean {
  if (error === undefined || error === null) return false;
  const state = stateOf(error);
  if (state !== undefined) return PASSING.test(state);
  const { cause } = error as { cause?: { code?: unknown } };
  return PASSING.test(String(cause?.code)) && error instanceof LockStoreError;
}

/** Such statements were prepared elsewhere, or not at all: something between us and the server changes connections. */
export function isUnprepared(error: unknown): boolean {
  return /^(26000|42P05)$/.test(stateOf(error) ?? '');
}

/** The server, or what is before it, does not take settings in the startup packet. */
export function isSettingsRefused(error: unknown): boolean {
  const { message } = (error ?? {}) as { message?: unknown };
  return stateOf(error) === '08P01' || /unsupported startup parameter/.test(String(message));
}

/** Will it be the same at the next try to connect? */
export function isFinal(error: unknown): boolean {
  const advice = isTls(error) ? NO_TLS : BY_STATE.get(stateOf(error) ?? '');
  return advice?.code === 'LOCK_STORE_UNSUPPORTED';
}

/** A certificate that is not accepted, or a server without TLS. */
function isTls(error: unknown): boolean {
  const { code, message } = (error ?? {}) as Record<string, unknown>;
  return (
    /CERT|LEAF_SIGNATURE|^ERR_(TLS|SSL)/.test(String(code)) || /does not support SSL/.test(String(message))
  );
}

/** The SQLSTATE of an error of the server. Errors of the network have other codes, and no severity. */
function stateOf(error: unknown): string | undefined {
  const { code, severity } = (error ?? {}) as Record<string, unknown>;
  return typeof severity === 'string' && typeof code === 'string' ? code : undefined;
}

/** A state of one name that the server tells in an answer. */
export function pinnedError(): Error {
  return Object.assign(new Error('a transaction of the application relies on this lock (pinLease)'), {
    severity: 'ERROR',
    code: 'DLK05',
  });
}

/** From an error of the driver or the server to ours. Never carries values: they hold the owner token. */
export function storeError(error: unknown, doing: string, lockName?: string): LockStoreError {
  if (error instanceof LockStoreError) return error;
  const { name, code, message } = (error ?? {}) as Record<string, unknown>;
  const text = redactPasswords(String(message ?? error));
  const details = { lockName, cause: { name, code, message: text } };
  if (isTls(error)) return new LockStoreError(NO_TLS.code, `${doing}: ${NO_TLS.advice} (${text})`, details);
  const state = stateOf(error);
  const known = /recovery/.test(text) ? READONLY : BY_STATE.get(state ?? '');
  if (state !== undefined && known !== undefined)
    return new LockStoreError(known.code, `${doing}: ${known.advice} (${text}, SQLSTATE ${state})`, details);
  const shown = text === '' && typeof code === 'string' ? code : text; // several addresses refused: an AggregateError says nothing
  return new LockStoreError('LOCK_STORE_UNAVAILABLE', `${doing}: ${shown}`, details);
}
