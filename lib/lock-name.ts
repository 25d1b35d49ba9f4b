import { describeValue, LockUsageError } from './lock-errors.js';

const MAX_NAME_BYTES = 512;
/** Nearly every name: nothing in it that the rules below could object to or change. */
const PLAIN = /^[!-~]+$/;
/** Nearly every value: nothing in it that would have to be encoded. */
const UNRESERVED = /^[\w.~-]+$/;

/**
 * Checks a name and gives its canonical form: Unicode NFC, so that «é» typed as one code point or as two is one lock (two
 * spellings of one resource must never be two locks). Nothing else is changed; a store escapes what its keys cannot hold.
 *
 * @throws LockUsageError LOCK_NAME_INVALID
 */
export function canonicalName(name: unknown): string {
  if (typeof name === 'string' && name.length <= MAX_NAME_BYTES && PLAIN.test(name)) return name;
  if (typeof name !== 'string' || name.trim() === '') {
    throw new LockUsageError(
      'LOCK_NAME_INVALID',
      `a lock name must be a non-empty string, got ${describeValue(name)}`,
    );
  }
  if (!name.isWellFormed())
    throw invalid(name, 'has half of a surrogate pair, which stores cannot tell from others; encode it');
  if (name.includes('\0')) throw invalid(name, 'contains a NUL character; encode values with lockName`…`');
  const canonical = name.normalize('NFC');
  const bytes = Buffer.byteLength(canonical);
  if (bytes > MAX_NAME_BYTES) {
    throw invalid(name, `has ${bytes} bytes, the limit is ${MAX_NAME_BYTES}; lock on an id, not on content`);
  }
  return canonical;
}

/**
 * A tag that builds a name and encodes its values exactly as templates of `@Locked` do:
 * `` lockName`group:${id}` `` can never reach another group, whatever the id contains.
 *
 * @throws LockUsageError LOCK_TEMPLATE_UNRESOLVED for a value that cannot stand in a name
 */
export function lockName(strings: TemplateStringsArray, ...values: unknown[]): string {
  let name = strings[0] ?? '';
  for (const [index, value] of values.entries()) {
    const encoded = encodeNameValue(value);
    if (encoded === undefined) {
      const after = strings[index] ?? '';
      throw new LockUsageError(
        'LOCK_TEMPLATE_UNRESOLVED',
        `value ${index + 1} of lockName\`…\` (after ${describeValue(after)}) must be a non-empty string, a safe integer, a bigint or a boolean, got ${describeValue(value)}`,
      );
    }
    name += encoded + (strings[index + 1] ?? '');
  }
  return name;
}

/**
 * One value as a part of a name: percent-encoded in UTF-8 outside `A-Z a-z 0-9 . _ ~ -` after NFC, so that `:` `/` `{` `}`
 * `%` `*` in a user's id stay inside it; `null` as `%6Eull`, see {@link MISSING}. undefined: not a value that may stand in a name (missing, empty, an object, NaN,
 * a fraction, half a surrogate pair).
 */
export function encodeNameValue(value: unknown): string | undefined {
  if (typeof value === 'string') {
    if (UNRESERVED.test(value) && !MISSING.has(value)) return value;
    return value === '' || !value.isWellFormed() ? undefined : percentEncode(value.normalize('NFC'));
  }
  if (typeof value === 'number') return Number.isSafeInteger(value) ? String(value) : undefined; // -0 gives '0'
  return typeof value === 'bigint' || typeof value === 'boolean' ? String(value) : undefined;
}

/**
 * What a missing value looks like as text. Somebody may be called so; their first letter is encoded, too, so that in a name the bare
 * word only ever comes from a template literal without `lockName`, an accident that the key functions of `@Locked` refuse.
 */
const MISSING: ReadonlySet<string> = new Set(['undefined', 'null', 'NaN', 'Infinity', '-Infinity']);

function percentEncode(text: string): string {
  if (MISSING.has(text)) return percentOf(text.charAt(0)) + text.slice(1);
  // encodeURIComponent leaves these five alone; RFC 3986 counts them as reserved, and `*` is a pattern in Redis.
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, percentOf);
}

function percentOf(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}

function invalid(name: string, problem: string): LockUsageError {
  return new LockUsageError('LOCK_NAME_INVALID', `lock name ${describeValue(name)} ${problem}`);
}
