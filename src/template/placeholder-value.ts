import { describeValue, encodeNameValue } from '../../lib/index.js';
import { type Placeholder, templatePlace } from './lock-template.js';
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
 * Reads a field of a field of a value, own properties only: through a prototype every caller would find the same functions
 * and meet in one lock. Only objects have fields here; `'abc'.length` is not one.
 */
export function readOwn(root: unknown, path: readonly string[]): unknown {
  let value = root;
  for (const field of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, field)) return undefined;
    value = (value as Record<string, unknown>)[field];
  }
  return value;
}

/**
 * The encoded values of one placeholder: one, or with `[]` one for each element.
 *
 * @throws TemplateValueError for a value that is missing or cannot stand in a name
 */
export function encodedValues(found: unknown, rule: ValueRule): readonly string[] {
  if (!rule.placeholder.each) return [encodedValue(found, rule)];
  // A query with one element, `?ids=1`, cannot be told from a single value.
  const isSingle = rule.placeholder.source === 'query' && isScalar(found);
  const elements: unknown = isSingle ? [found] : found;
  if (!Array.isArray(elements) || elements.length === 0) {
    throw valueError(rule, `is ${describeFound(found, rule)}; [] needs an array with at least one element`);
  }
  return elements.map((element) => encodedValue(element, rule));
}

function encodedValue(found: unknown, rule: ValueRule): string {
  const { placeholder, steps } = rule;
  if (found !== undefined && found !== null && !isScalar(found)) {
    // Before any step: Number(['5']) is 5, and String(['1', '2']) is '1,2'.
    const hint = Array.isArray(found) && !placeholder.each ? `; for one lock per element write []` : '';
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
  return describeValue(value);
}

function valueError(
  { text, place, placeholder, fromClient }: ValueRule,
  problem: string,
): TemplateValueError {
  return new TemplateValueError(
    `${templatePlace(text, place)}: ${placeholder.raw} ${problem}`,
    fromClient,
    placeholder.raw,
  );
}
