import { describeValue, LockUsageError, type LockUsageCode } from '../../lib/index.js';

/**
 * The text of `@Locked('group:<groupId>')`, taken apart when the class is defined. This file knows the grammar and nothing
 * of Nest; which value a placeholder stands for is decided by compile-names.ts when the application starts.
 *
 *     template    = (literal | placeholder)+          literal `<` is written `<<`
 *     placeholder = '<' path '[]'? (':' format)? '>'  path = segment ('.' segment)*
 *
 * `<params.x>`, `<query.x>`, `<body.x>`, `<headers.x>`, `<user.x>` name a part of the request, `<0>` an argument by its
 * place, any other first segment is a bare name.
 */
export interface LockTemplate {
  readonly text: string;
  readonly parts: readonly (string | Placeholder)[];
}

export interface Placeholder {
  /** As written, with its brackets: `<groupId:int>`. For messages. */
  readonly raw: string;
  readonly source: PlaceholderSource;
  /** bare: the name, then fields of its value. argument: fields of the argument. Others: fields of that part of the request. */
  readonly path: readonly string[];
  /** Only for source 'argument': which one, from 0. */
  readonly index?: number;
  readonly format?: ValueFormat;
  /** `<ids[]>`: the value is an array, and each element gives a name of its own. */
  readonly each: boolean;
}

export type RequestSource = 'params' | 'query' | 'body' | 'headers' | 'user';
export type PlaceholderSource = 'bare' | 'argument' | RequestSource;
export type ValueFormat = 'int' | 'lower' | 'upper';

const REQUEST_SOURCES: readonly string[] = [
  'params',
  'query',
  'body',
  'headers',
  'user',
] satisfies RequestSource[];
const FORMATS: readonly string[] = ['int', 'lower', 'upper'] satisfies ValueFormat[];
/** They lead from a value to its class, where every caller would meet; RELIABILITY.md: `constructor.constructor` is Function. */
const FORBIDDEN_SEGMENTS: ReadonlySet<string> = new Set(['__proto__', 'prototype', 'constructor']);
const SEGMENT = /^[\p{L}\p{N}_$-]+$/u;
const INDEX = /^(?:0|[1-9]\d{0,2})$/;
const PLACEHOLDER = /^(?<path>[^[\]:]*)(?<each>\[\])?(?::(?<format>[^[\]:]*))?$/;
/** With the u flag, pairs are one code point, so only a half of one matches. */
const LONE_SURROGATE = /\p{Surrogate}/u;
/** A character that no encoded value contains (see `encodeNameValue`), so it keeps two values apart. */
const SEPARATOR = /[^A-Za-z0-9._~%-]/;

/**
 * @param place what messages name: "GroupsController.join"
 * @throws LockUsageError LOCK_TEMPLATE_INVALID, LOCK_TEMPLATE_FORBIDDEN
 */
export function parseTemplate(text: string, place: string): LockTemplate {
  if (typeof text !== 'string' || text.trim() === '') {
    throw new LockUsageError(
      'LOCK_TEMPLATE_INVALID',
      `@Locked on ${place}: a lock name must be a non-empty string such as 'group:<groupId>', got ${describeValue(text)}`,
    );
  }
  if (LONE_SURROGATE.test(text) || text.includes('\0')) {
    throw templateError(
      { text, place },
      'it contains a NUL character or half of a surrogate pair, which stores cannot keep apart',
    );
  }
  const parts: (string | Placeholder)[] = [];
  let literal = '';
  for (let at = 0; at < text.length;) {
    if (text[at] !== '<') {
      literal += text[at++];
    } else if (text[at + 1] === '<') {
      literal += '<';
      at += 2;
    } else {
      const end = text.indexOf('>', at);
      if (end < 0)
        throw templateError(
          { text, place },
          `the < at character ${at + 1} is not closed; write << for a literal <`,
        );
      if (literal !== '') parts.push(literal);
      literal = '';
      parts.push(parsePlaceholder(text.slice(at + 1, end), text, place));
      at = end + 1;
    }
  }
  if (literal !== '') parts.push(literal);
  checkUnambiguous(parts, text, place);
  return Object.freeze({ text, parts: Object.freeze(parts) });
}

function parsePlaceholder(inner: string, text: string, place: string): Placeholder {
  const raw = `<${inner}>`;
  const { path: dotted, each, format } = PLACEHOLDER.exec(inner)?.groups ?? {};
  if (dotted === undefined)
    throw templateError(
      { text, place },
      `${raw} is not understood; write <name>, <name.field>, <name[]> or <name:int>`,
    );
  if (dotted === '')
    throw templateError({ text, place }, `${raw} is empty; write the name of a value, or << for a literal <`);
  if (format !== undefined && !FORMATS.includes(format)) {
    throw templateError(
      { text, place },
      `${raw} has the unknown formatter ${describeValue(format)}; known: ${FORMATS.join(', ')}`,
    );
  }
  const segments = dotted.split('.');
  for (const segment of segments) {
    if (FORBIDDEN_SEGMENTS.has(segment)) {
      const problem = `${raw} reads "${segment}", which belongs to the class and not to the value`;
      throw templateError({ text, place }, problem, 'LOCK_TEMPLATE_FORBIDDEN');
    }
    if (!SEGMENT.test(segment)) {
      const problem = `${raw} has the part ${describeValue(segment)}; parts are letters, digits, _ $ -, joined by dots`;
      throw templateError({ text, place }, problem);
    }
  }
  return Object.freeze({
    raw,
    ...placeSource(segments),
    ...(format === undefined ? {} : { format: format as ValueFormat }),
    each: each !== undefined,
  });
}

function placeSource(segments: readonly string[]): Pick<Placeholder, 'source' | 'path' | 'index'> {
  const [first = '', ...rest] = segments;
  if (INDEX.test(first)) return { source: 'argument', index: Number(first), path: rest };
  // `<user>` alone is a bare name: a whole part of the request is an object and cannot stand in a name.
  if (REQUEST_SOURCES.includes(first) && rest.length > 0)
    return { source: first as RequestSource, path: rest };
  return { source: 'bare', path: segments };
}

/** `<a><b>` would give one name to ('1', '23') and ('12', '3'); so would `<a>-<b>`, because values may contain `-`. */
function checkUnambiguous(parts: readonly (string | Placeholder)[], text: string, place: string): void {
  const placeholders = parts.filter((part) => typeof part !== 'string');
  if (placeholders.filter((placeholder) => placeholder.each).length > 1) {
    throw templateError(
      { text, place },
      'only one placeholder may have []; use a key function for combinations',
    );
  }
  let previous: Placeholder | undefined;
  let between = '';
  for (const part of parts) {
    if (typeof part === 'string') {
      between = part;
      continue;
    }
    if (previous !== undefined && !SEPARATOR.test(between)) {
      const problem = `${previous.raw} and ${part.raw} need a separator that no value contains, such as : or /, between them`;
      throw templateError({ text, place }, problem);
    }
    previous = part;
    between = '';
  }
}

/** How every message about a template begins: `@Locked('group:<groupId>') on GroupsController.join: …`. */
export function templatePlace(text: string, place: string): string {
  return `@Locked('${text.length > 120 ? `${text.slice(0, 120)}…` : text}') on ${place}`;
}

export function templateError(
  at: { readonly text: string; readonly place: string },
  problem: string,
  code: LockUsageCode = 'LOCK_TEMPLATE_INVALID',
): LockUsageError {
  return new LockUsageError(code, `${templatePlace(at.text, at.place)}: ${problem}`);
}
