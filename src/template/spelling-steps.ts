/**
 * One step from the spelling that a client chose to the canonical form: '05' → 5. A step copies what the pipe of the same
 * name accepts (Nest 11 and 12), so that whatever reaches the handler as one value is one name here.
 */
export type SpellingStep = (value: unknown) => unknown;

/** The pipe would refuse this value too, so no lock is taken for it. */
export class RefusedValue {
  constructor(
    readonly value: unknown,
    readonly expected: string,
  ) {}
}

/** Missing values pass: every pipe can be `optional`, and «missing» is told apart from «wrong» at the end. */
function present(step: SpellingStep): SpellingStep {
  return (value) => (value === undefined || value === null ? value : step(value));
}

/** ParseIntPipe. */
export const toInteger = present((value) => {
  if ((typeof value === 'string' || typeof value === 'number') && /^-?\d+$/.test(String(value))) {
    return Number.parseInt(String(value), 10);
  }
  return new RefusedValue(value, 'an integer');
});

/** ParseFloatPipe of Nest 12; that of 11 also takes blanks and reads "0x1f" as 0, which is refused here. A fraction is no name. */
export const toFloat = present((value) => {
  const isSpelled =
    typeof value === 'string' && value !== '' && value === value.trim() && !/^0[xbo]/i.test(value);
  const number = typeof value === 'number' || isSpelled ? Number(value) : Number.NaN;
  return Number.isFinite(number) ? number : new RefusedValue(value, 'a number');
});

/** ParseBoolPipe. */
export const toBoolean = present((value) => {
  if (value === true || value === 'true') return true;
  if (value === false || value === 'false') return false;
  return new RefusedValue(value, 'true or false');
});

const UUID = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i;

/** ParseUUIDPipe, which accepts both cases and keeps them; a UUID is the same in both (RFC 9562). */
export const toUuid = present((value) =>
  typeof value === 'string' && UUID.test(value) ? value.toLowerCase() : new RefusedValue(value, 'a UUID'),
);

/** As {@link toUuid}, for a value that has passed the pipe already and may have become something else since. */
export const lowerCaseUuid: SpellingStep = (value) =>
  typeof value === 'string' && UUID.test(value) ? value.toLowerCase() : value;

/** Number(value), as ValidationPipe and class-transformer do it; '' is no number here, although JavaScript says 0. */
export const coerceNumber = present((value) => {
  const isBlank = typeof value === 'string' && value.trim() === '';
  return isBlank || Number.isNaN(Number(value)) ? new RefusedValue(value, 'a number') : Number(value);
});

/** ValidationPipe with `transform`, for a parameter declared boolean: everything but 'true' is false. */
export const isTrue: SpellingStep = (value) =>
  value === undefined ? undefined : value === true || value === 'true';

/** class-transformer, for a property declared boolean. */
export const coerceBoolean = present(Boolean);

/** DefaultValuePipe. */
export function orDefault(defaultValue: unknown): SpellingStep {
  return (value) => (value === undefined || value === null || Number.isNaN(value) ? defaultValue : value);
}

/**
 * A parameter declared `number` or `bigint` that no pipe converts: the handler gets a string, but '5' and '05' mean one
 * resource to it. Text that is no whole number stays what it is.
 */
export const numeralAsNumber: SpellingStep = (value) =>
  typeof value === 'string' && value.trim() !== '' && Number.isSafeInteger(Number(value))
    ? Number(value)
    : value;
export const numeralAsBigint: SpellingStep = (value) =>
  typeof value === 'string' && INTEGER.test(value) ? BigInt(value) : value;

/** More digits than a name has bytes are refused unread: parsing them costs quadratic time. */
const INTEGER = /^-?\d{1,512}$/;

/** `<x:int>`: exact at any size, unlike a number. */
export const formatInt = present((value) => {
  if (typeof value === 'bigint') return value;
  return (typeof value === 'string' || typeof value === 'number') && INTEGER.test(String(value))
    ? BigInt(value)
    : new RefusedValue(value, 'an integer');
});

/** NFC first, so that two spellings of one letter change case alike. */
export const formatLower = present((value) =>
  isScalar(value) ? String(value).normalize('NFC').toLowerCase() : value,
);
export const formatUpper = present((value) =>
  isScalar(value) ? String(value).normalize('NFC').toUpperCase() : value,
);

function isScalar(value: unknown): boolean {
  return ['string', 'boolean', 'bigint'].includes(typeof value);
}
