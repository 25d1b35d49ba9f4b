import { canonicalName, describeValue, LockUsageError, MAX_NAMES } from '../../lib/index.js';
import { finalForm, missesItsType, requestForm } from './canonical-form.js';
import { compileKeyFunction, refuseRequest } from './key-function.js';
import {
  type LockTemplate,
  parseTemplate,
  type Placeholder,
  templateError,
  templatePlace,
} from './lock-template.js';
import type { CompiledNames, LockedMethod, NameSpec, RequestValues } from './locked-method.js';
import {
  encodedElements,
  encodedValue,
  readingError,
  type ValueRule,
  withFormatter,
} from './placeholder-value.js';
import { readFields } from './read-fields.js';
import { KnownValues, type Located } from './resolve-placeholder.js';
import type { SpellingStep } from './spelling-steps.js';
import { TemplateValueError } from './template-value-error.js';

/**
 * Decides, once per method when the application starts, where each placeholder's value comes from and what its canonical
 * form is. What can be wrong is wrong now, with a message that names class, method, placeholder and remedy.
 *
 * @throws LockUsageError LOCK_TEMPLATE_INVALID, LOCK_TEMPLATE_FORBIDDEN
 */
export function compileNames(spec: NameSpec, method: LockedMethod): CompiledNames {
  const place = placeOf(method);
  if (typeof spec === 'function') return compileKeyFunction(spec, place);
  const texts: readonly string[] = typeof spec === 'string' ? [spec] : spec;
  if (!Array.isArray(texts) || texts.length === 0) {
    const expected = `a template such as 'group:<groupId>', a list of them or a key function, got ${describeValue(spec)}`;
    throw new LockUsageError('LOCK_TEMPLATE_INVALID', `@Locked on ${place}: the name must be ${expected}`);
  }
  const templates = texts.map((text: string) => parseTemplate(text, place));
  for (const template of templates) checkLiterals(template, place);

  const known = new KnownValues(method);
  if (method.kind === 'http' && method.phase === 'request') {
    const fromRequest = compileAll(templates, place, (placeholder, template) =>
      inRequest(placeholder, template, known),
    );
    let fromArguments: Reader | undefined;
    return {
      untyped: untypedIn(templates, known),
      fromRequest: (values) => fromRequest([], values),
      fromArguments: (args, request) => {
        fromArguments ??= compileAll(templates, place, (placeholder, template) =>
          inArguments(placeholder, template, known),
        );
        return fromArguments(args, request);
      },
    };
  }
  const fromArguments = compileAll(templates, place, (placeholder, template) =>
    inArguments(placeholder, template, known),
  );
  return { untyped: untypedIn(templates, known), fromArguments, fromRequest: () => refuseRequest(place) };
}

type Reader = (args: readonly unknown[], request?: RequestValues) => string[];

interface CompiledValue {
  readonly read: (args: readonly unknown[], request: RequestValues | undefined) => unknown;
  readonly steps: readonly SpellingStep[];
  readonly fromClient: boolean;
}

interface CompiledPlaceholder {
  readonly rule: ValueRule;
  readonly read: CompiledValue['read'];
}

function compileAll(
  templates: readonly LockTemplate[],
  place: string,
  compile: (placeholder: Placeholder, template: LockTemplate) => CompiledValue,
): Reader {
  const clientLists: string[] = [];
  const readers = templates.map((template) =>
    compileTemplate(template, place, (placeholder) => {
      const value = compile(placeholder, template);
      if (placeholder.each && value.fromClient) clientLists.push(placeholder.raw);
      return value;
    }),
  );
  const [only] = readers;
  if (readers.length === 1 && only !== undefined) return only;
  return (args, request) => {
    const names = [...new Set(readers.flatMap((reader) => reader(args, request)))];
    const [placeholder] = clientLists;
    // One list is within its bounds by itself. Where no client made it too long, the engine says so.
    if (names.length <= MAX_NAMES || placeholder === undefined) return names;
    const problem = `${placeholder} and what is beside it are ${names.length} names; at most ${MAX_NAMES} can be taken together`;
    throw new TemplateValueError(`@Locked on ${place}: ${problem}`, true, { placeholder });
  };
}

function compileTemplate(
  template: LockTemplate,
  place: string,
  compile: (placeholder: Placeholder) => CompiledValue,
): Reader {
  const { text, parts } = template;
  const compiled = parts.map((part): string | CompiledPlaceholder => {
    if (typeof part === 'string') return part;
    const value = compile(part);
    const rule: ValueRule = {
      placeholder: part,
      steps: withFormatter(value.steps, part),
      fromClient: value.fromClient,
      text,
      place,
    };
    return { rule, read: value.read };
  });
  const fromClient = compiled.some((part) => typeof part !== 'string' && part.rule.fromClient);
  const use = { place, fromClient };
  const names = parts.some((part) => typeof part !== 'string' && part.each) ? everyName : oneName;
  return (args, request) => {
    const made = names(compiled, { args, request });
    for (const name of made) checkName(name, template, use);
    return made;
  };
}

/** What the values of one call are read from. */
interface CallValues {
  readonly args: readonly unknown[];
  readonly request: RequestValues | undefined;
}

type Names = (parts: readonly (string | CompiledPlaceholder)[], from: CallValues) => string[];

/** Of a template without `[]`; on the way of nearly every request. */
const oneName: Names = (parts, from) => {
  let name = '';
  for (const part of parts) name += typeof part === 'string' ? part : valueOf(part, encodedValue, from);
  return [name];
};

/** Each element of each `[]` with each of the others; each name once. */
const everyName: Names = (parts, from) => {
  let names = [''];
  for (const part of parts) {
    const values =
      typeof part === 'string'
        ? [part]
        : part.rule.placeholder.each
          ? valueOf(part, encodedElements, from)
          : [valueOf(part, encodedValue, from)];
    names = names.flatMap((name) => values.map((value) => name + value));
  }
  return [...new Set(names)];
};

/** A formatter says what the type would have said, and the type of an element is recorded by no compiler. */
function untypedIn(templates: readonly LockTemplate[], known: KnownValues): string[] {
  const place = placeOf(known.method);
  return templates.flatMap((template) => {
    const untyped = template.parts.filter((part) => {
      if (typeof part === 'string' || part.format !== undefined || part.each) return false;
      const { bound, argument } = known.locate(part, template, place);
      return missesItsType(bound, argument?.fields ?? []);
    });
    return untyped.map((part) => `${place} ${(part as Placeholder).raw}`);
  });
}

/** Reading may run code of the application (accessors, proxies), which may throw. */
function valueOf<Encoded>(
  { rule, read }: CompiledPlaceholder,
  encoded: (found: unknown, rule: ValueRule) => Encoded,
  { args, request }: CallValues,
): Encoded {
  try {
    return encoded(read(args, request), rule);
  } catch (error) {
    throw readingError(error, rule);
  }
}

function inRequest(placeholder: Placeholder, template: LockTemplate, known: KnownValues): CompiledValue {
  const place = placeOf(known.method);
  const { request, argument, bound, fromClient } = known.locate(placeholder, template, place);
  if (request === undefined) {
    const problem =
      `${placeholder.raw} is argument ${argument?.index}, which is made after the lock is taken; ` +
      `name a part of the request (<user.id>), or use a key function or phase: 'handler'`;
    throw templateError({ text: template.text, place }, problem);
  }
  const form = requestForm(bound, argument?.fields ?? []);
  if (form.obstacle !== undefined && placeholder.format === undefined) {
    const problem =
      `${placeholder.raw} ${form.obstacle}, which may change the value after the lock's name is made, so that two spellings of ` +
      `one resource could get two locks. Fix: a formatter (<${placeholder.raw.slice(1, -1)}:int>, :lower, :upper), ` +
      `a key function, or phase: 'handler', which locks after the pipes`;
    throw templateError({ text: template.text, place }, problem);
  }
  return { read: (_, values) => readRequest(values, request), steps: form.steps, fromClient };
}

function inArguments(placeholder: Placeholder, template: LockTemplate, known: KnownValues): CompiledValue {
  const { request, argument, bound, fromClient } = known.locate(placeholder, template, placeOf(known.method));
  const steps = finalForm(bound, argument?.fields ?? []);
  if (argument !== undefined) {
    const { index, fields, rest } = argument;
    return { read: (args) => readFields(rest ? args.slice(index) : args[index], fields), steps, fromClient };
  }
  return { read: (_, values) => readRequest(values, request), steps, fromClient };
}

function readRequest(values: RequestValues | undefined, request: Located['request']): unknown {
  if (values === undefined || request === undefined) return undefined;
  const { source, path } = request;
  // Node gives header names in lower case, whatever the client sent.
  return readFields(values[source], source === 'headers' ? path.map((field) => field.toLowerCase()) : path);
}

function placeOf({ targetClass, methodName }: LockedMethod): string {
  return `${targetClass.name}.${String(methodName)}`;
}

/** The text around the placeholders alone may be too long for a name. */
function checkLiterals({ text, parts }: LockTemplate, place: string): void {
  const literals = parts.filter((part) => typeof part === 'string').join('');
  if (literals.trim() === '') return;
  try {
    canonicalName(literals);
  } catch (error) {
    throw templateError({ text, place }, (error as LockUsageError).message);
  }
}

function checkName(name: string, { text }: LockTemplate, use: { place: string; fromClient: boolean }): void {
  try {
    canonicalName(name);
  } catch (error) {
    // Parts were checked one by one: only their length together is left, and the values made it.
    throw new TemplateValueError(
      `${templatePlace(text, use.place)}: ${(error as LockUsageError).message}`,
      use.fromClient,
    );
  }
}
