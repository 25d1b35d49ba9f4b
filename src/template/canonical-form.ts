import 'reflect-metadata';
import * as nest from '@nestjs/common';
import { CLASS_TO_PLAIN, PLAIN_TO_CLASS, propertyTransform } from './class-transformer-metadata.js';
import { isUuidProperty } from './class-validator-metadata.js';
import type { BoundArgument } from './route-arguments.js';
import {
  coerceBoolean,
  coerceNumber,
  isTrue,
  lowerCaseUuid,
  numeralAsBigint,
  numeralAsNumber,
  orDefault,
  type SpellingStep,
  toBoolean,
  toFloat,
  toInteger,
  toUuid,
} from './spelling-steps.js';

/**
 * One resource, one lock. In phase 'request' the name is made before the pipes run, so we work out at start-up what they will
 * do to the value: a list of steps for the pipes we know, and the first one whose effect cannot be known.
 */
export interface CanonicalForm {
  readonly steps: readonly SpellingStep[];
  /** Why the form cannot be known: "passes through TrimPipe". undefined when it is known. */
  readonly obstacle: string | undefined;
}

const KEEPS: unique symbol = Symbol('keeps');
/** What a pipe does to one value: nothing, something we can repeat, or something we cannot know (a sentence). */
type Effect = typeof KEEPS | SpellingStep | string;

/** @param fields where the value is below the argument: `<body.group.id>` with `@Body('group') group` has ['id'] */
export function requestForm(argument: BoundArgument | undefined, fields: readonly string[]): CanonicalForm {
  const steps: SpellingStep[] = [];
  for (const pipe of argument?.pipes ?? []) {
    const effect = effectOf(pipe, argument as BoundArgument, fields);
    if (typeof effect === 'string') return { steps, obstacle: effect };
    if (effect !== KEEPS) steps.push(effect);
  }
  return { steps: [...steps, ...declaredSteps(argument, fields)], obstacle: undefined };
}

/** After the pipes only the spellings are left that they keep apart: the case of a UUID, numerals nobody has parsed. */
export function finalForm(
  argument: BoundArgument | undefined,
  fields: readonly string[],
): readonly SpellingStep[] {
  const isUuid =
    fields.length === 0 && argument?.pipes.some((pipe) => classOf(pipe) === nest.ParseUUIDPipe) === true;
  return [...(isUuid ? [lowerCaseUuid] : []), ...declaredSteps(argument, fields)];
}

/**
 * Would a declared type bring spellings together that nothing else does? Then a parameter declared `number` makes '5' and '05' two locks
 * where the compiler records no types. A default keeps spellings; an enum has only one for each value.
 */
export function missesItsType(argument: BoundArgument | undefined, fields: readonly string[]): boolean {
  if (argument?.isUntyped !== true) return false;
  const pipes = argument.pipes.filter((pipe) => classOf(pipe) !== nest.DefaultValuePipe);
  if (pipes.some((pipe) => classOf(pipe) === nest.ParseEnumPipe)) return false;
  return pipes.every((pipe) => effectOf(pipe, argument, fields) === KEEPS);
}

/** What the declared types say about spellings that no pipe has brought together. */
function declaredSteps(argument: BoundArgument | undefined, fields: readonly string[]): SpellingStep[] {
  let declared = argument?.declared;
  let isUuid = false;
  for (const field of fields) {
    if (typeof declared !== 'function') return [];
    if (/^\d+$/.test(field)) continue; // an element: `@Type(() => Item) items` has already given the class of them all
    isUuid = isUuidProperty(declared, field);
    const { type } = propertyTransform(declared, field, PLAIN_TO_CLASS);
    declared = type?.typeOf?.() ?? Reflect.getMetadata('design:type', declared.prototype as object, field);
  }
  if (isUuid) return [lowerCaseUuid];
  if (declared === Number) return [numeralAsNumber];
  return declared === BigInt ? [numeralAsBigint] : [];
}

/** Known by class; what a subclass may change is looked at in {@link classOf}. */
const PARSING_PIPES: ReadonlyMap<unknown, Effect> = new Map<unknown, Effect>([
  [nest.ParseIntPipe, toInteger],
  [nest.ParseFloatPipe, toFloat],
  [nest.ParseBoolPipe, toBoolean],
  [nest.ParseUUIDPipe, toUuid],
  [nest.ParseEnumPipe, KEEPS],
  [nest.ParseFilePipe, KEEPS],
]);

function effectOf(pipe: object, argument: BoundArgument, fields: readonly string[]): Effect {
  const pipeClass = classOf(pipe);
  if (pipeClass === nest.ValidationPipe) return effectOfValidation(pipe, argument, fields);
  // Nest 12 only, so it cannot be imported by name.
  if (
    pipeClass !== undefined &&
    pipeClass === (nest as Record<string, unknown>)['StandardSchemaValidationPipe']
  ) {
    const transforms = (pipe as { isTransformEnabled?: boolean }).isTransformEnabled !== false;
    return argument.schema !== undefined && transforms ? 'is transformed by a Standard Schema' : KEEPS;
  }
  if (fields.length === 0) {
    const effect = PARSING_PIPES.get(pipeClass);
    if (effect !== undefined) return effect;
    if (pipeClass === nest.DefaultValuePipe && typeof pipe !== 'function') {
      return orDefault((pipe as { defaultValue?: unknown }).defaultValue);
    }
  }
  return `passes through ${nameOf(pipe)}`;
}

/**
 * The class that says what a pipe does. `class AppPipe extends ValidationPipe` that only calls `super(options)` is a
 * ValidationPipe: its instance shows the options. One with methods of its own, or not made yet, may do anything.
 */
function classOf(pipe: object): unknown {
  if (typeof pipe === 'function') return pipe;
  const ownFunctions = Object.entries(pipe).filter(([, value]) => typeof value === 'function');
  if (ownFunctions.some(([key]) => key !== 'exceptionFactory' && key !== 'expectedType')) return undefined;
  let prototype = Object.getPrototypeOf(pipe) as object | null;
  while (prototype !== null && Reflect.ownKeys(prototype).join() === 'constructor') {
    prototype = Object.getPrototypeOf(prototype) as object | null;
  }
  return prototype?.constructor;
}

function nameOf(pipe: object): string {
  const { name } = (typeof pipe === 'function' ? pipe : (pipe.constructor ?? {})) as { name?: string };
  return name === undefined || name === '' || name === 'Object' ? 'a pipe without a class' : name;
}

/** The fields of ValidationPipe we need; protected there, the same in 11 and 12. A class bound without instance has defaults. */
interface ValidationSettings {
  readonly isTransformEnabled?: boolean;
  readonly validateCustomDecorators?: boolean;
  readonly expectedType?: unknown;
  readonly validatorOptions?: object;
  readonly transformOptions?: { readonly enableImplicitConversion?: boolean; readonly targetMaps?: unknown };
}

/** ValidationPipe does not look into these (its `toValidate`). */
const UNVALIDATED: ReadonlySet<unknown> = new Set([String, Boolean, Number, Array, Object, Buffer, Date]);

function effectOfValidation(pipe: object, argument: BoundArgument, fields: readonly string[]): Effect {
  const settings: ValidationSettings = typeof pipe === 'function' ? {} : pipe;
  const type = settings.expectedType ?? argument.declared;
  const isSkipped = argument.pipedAs === 'custom' && settings.validateCustomDecorators !== true;
  if (typeof type !== 'function' || UNVALIDATED.has(type) || isSkipped) {
    const isPrimitive =
      argument.name !== undefined && ['param', 'query'].includes(argument.pipedAs) && fields.length === 0;
    if (settings.isTransformEnabled !== true || !isPrimitive) return KEEPS;
    if (type === Number) return coerceNumber;
    return type === Boolean ? isTrue : KEEPS;
  }
  // Without `transform`, other validator options still hand on a copy that went through class-transformer and back.
  const isCopied = Object.keys(settings.validatorOptions ?? {}).length > 1;
  if (settings.isTransformEnabled === true)
    return effectOnField(type, fields, { ...settings, directions: [PLAIN_TO_CLASS] });
  return isCopied
    ? effectOnField(type, fields, { ...settings, directions: [PLAIN_TO_CLASS, CLASS_TO_PLAIN] })
    : KEEPS;
}

/** What class-transformer makes of one field of a DTO (its TransformOperationExecutor). */
function effectOnField(
  dto: object,
  fields: readonly string[],
  settings: ValidationSettings & { readonly directions: readonly number[] },
): Effect {
  if (settings.transformOptions?.targetMaps !== undefined) return 'is transformed by targetMaps';
  let type: unknown = dto;
  for (const field of fields) {
    if (typeof type !== 'function' || UNVALIDATED.has(type)) return KEEPS;
    if (/^\d+$/.test(field)) continue; // an element of an array: class-transformer gives it the array's type
    const where = `${type.name}.${field}`;
    for (const direction of settings.directions) {
      if (propertyTransform(type, field, direction).custom)
        return `passes through a transforming decorator on ${where}`;
    }
    const { type: decorated } = propertyTransform(type, field, PLAIN_TO_CLASS);
    if (decorated !== undefined) {
      if (decorated.typeOf === undefined) return `has a type on ${where} that depends on the value`;
      type = decorated.typeOf();
    } else if (settings.transformOptions?.enableImplicitConversion === true) {
      type = Reflect.getMetadata('design:type', type.prototype as object, field);
    } else {
      type = undefined;
    }
  }
  if (type === Number) return coerceNumber;
  if (type === Boolean) return coerceBoolean;
  return type === Date || type === Buffer ? `becomes a ${(type as { name: string }).name}` : KEEPS;
}
