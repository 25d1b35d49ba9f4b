import { isPromise } from 'node:util/types';
import { describeValue, encodeNameValue, MAX_NAMES, redactPasswords } from '../../lib/index.js';
import { type Placeholder, templatePlace } from './lock-template.js';
import { classNameOf, FieldNotRead, promiseNotRead } from './read-fields.js';
import { formatInt, formatLower, formatUpper, RefusedValue, type SpellingStep } from './spelling-steps.js';
import { TemplateValueError } from './template-value-error.js';

const FORMAT_STEPS = { int: formatInt, lower: formatLower, upper: formatUpper } as const;
const SCALARS: ReadonlySet<string> = new Set(['string', 'number', 'bigint', 'boolean']);
const NAME_VALUES = 'a non-empty string, a safe integer, a bigint or a boolean';

/** The formatter that the template asks for comes after what the parameter's type and pipes do. */
export function withFormatter(
  steps: readonly SpellingStep[],
  { format }: Placeholder,
): readonly SpellingStep[] {
  return format === undefined ? steps : [...steps, FORMAT_STEPS[format]];
}

/** Everything about one placeholder of one method that is known at start-up. */
export interface ValueRule {
  readonly placeholder: Placeholder;
  /** With the formatter's, see {@link withFormatter}. */
  readonly steps: readonly SpellingStep[];
  readonly fromClient: boolean;
  /** For messages: the template and where it stands. */
  readonly text: string;
  readonly place: string;
}

/**
 * The encoded values of a placeholder with `[]`: one for each element.
 *
 * @throws TemplateValueError for a value that is missing or cannot stand in a name
 */
export function encodedElements(found: unknown, rule: ValueRule): readonly string[] {
  // A query with one element, `?ids=1`, cannot be told from a single value.
  const isSingle = rule.placeholder.source === 'query' && isScalar(found);
  const elements: unknown = isSingle ? [found] : found;
  if (!Array.isArray(elements) || elements.length === 0) {
    throw valueError(rule, `is ${describeFound(found, rule)}; [] needs an array with at least one element`);
  }
  if (elements.length > MAX_NAMES) {
    const problem = `has ${elements.length} elements; [] takes at most ${MAX_NAMES}, because so many names can be taken together`;
    throw valueError(rule, problem);
  }
  return elements.map((element) => encodedValue(element, rule));
}

/**
 * The one encoded value of a placeholder without `[]`.
 *
 * @throws TemplateValueError as {@link encodedElements}
 */
export function encodedValue(found: unknown, rule: ValueRule): string {
  const { placeholder, steps } = rule;
  if (found !== undefined && found !== null && !isScalar(found)) {
    // Before any step: Number(['5']) is 5, and String(['1', '2']) is '1,2'.
    if (isPromise(found)) throw promiseNotRead(found);
    const hint = hintFor(found, placeholder);
    throw valueError(rule, `is ${describeFound(found, rule)}; it must be ${NAME_VALUES}${hint}`);
  }
  let value = found;
  for (const step of steps) {
    value = step(value);
    if (value instanceof RefusedValue) {
      throw valueError(rule, `is ${describeFound(found, rule)}; it must be ${value.expected}`);
    }
  }
  const encoded = encodeNameValue(value);
  if (encoded === undefined) {
    throw valueError(rule, `is ${describeFound(found, rule)}; it must be ${NAME_VALUES}`);
  }
  return encoded;
}

function isScalar(value: unknown): boolean {
  return SCALARS.has(typeof value);
}

/** A header may be a credential, so its text is never repeated in a message. */
function describeFound(value: unknown, { placeholder }: ValueRule): string {
  if (placeholder.source === 'headers' && typeof value === 'string')
    return value === '' ? 'empty' : 'not usable';
  const className = typeof value === 'object' && value !== null ? classNameOf(value) : undefined;
  const isPlain = className === undefined || className === 'Object' || className === 'Array';
  return isPlain ? describeValue(value) : `${describeValue(value)} (${className})`;
}

/** No magic with typed ids: two libraries may make different texts of one id. */
function hintFor(value: unknown, { each }: Placeholder): string {
  if (typeof value !== 'object' || value === null) return '';
  if (Array.isArray(value)) return each ? '' : '; for one lock per element write []';
  if ('toHexString' in value) {
    return '; pass its toHexString(), name the field that has this text (<user.id> of a Mongoose document), or use a key function';
  }
  return '; name a field of it, or use a key function';
}

/**
 * What was thrown while a value was read: by {@link readFields}, by an accessor, by a proxy. An accessor is our side's code, so that
 * what it throws is never the client's fault; one that has no value to give returns undefined.
 */
export function readingError(thrown: unknown, rule: ValueRule): TemplateValueError {
  if (thrown instanceof TemplateValueError) return thrown;
  const asOurs = { ...rule, fromClient: false };
  if (thrown instanceof FieldNotRead) return valueError(thrown.ours ? asOurs : rule, thrown.message);
  const { name, message } = (thrown ?? {}) as { name?: unknown; message?: unknown };
  const text =
    typeof message === 'string' ? `${String(name)}: ${redactPasswords(message)}` : describeValue(thrown);
  return valueError(asOurs, `cannot be read: an accessor of the value threw ${text}`, thrown);
}

function valueError(
  { text, place, placeholder, fromClient }: ValueRule,
  problem: string,
  cause?: unknown,
): TemplateValueError {
  const message = `${templatePlace(text, place)}: ${placeholder.raw} ${problem}`;
  return new TemplateValueError(message, fromClient, { placeholder: placeholder.raw, cause });
}
