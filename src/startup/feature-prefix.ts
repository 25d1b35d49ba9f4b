import 'reflect-metadata';
import type { Logger } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import { LockUsageError } from '../../lib/index.js';
import { featureName } from '../feature-locks.js';
import { LockService } from '../lock.service.js';
import { LOCK_FEATURE } from '../lock.tokens.js';
import type { AnyFunction, CompiledNames } from '../template/locked-method.js';

type Module = ModulesContainer extends Map<string, infer M> ? M : never;

/**
 * The prefix of the modules that have this class; undefined: none of them imports `forFeature`, or no module has it.
 *
 * @throws LockUsageError LOCK_OPTIONS_INVALID when they have different ones: the class would lock under either name
 */
export function featurePrefixOf(targetClass: AnyFunction, container: ModulesContainer): string | undefined {
  const [first, second] = [...prefixesOf(targetClass, container)];
  if (second === undefined) return first?.[0];
  const [one, other] = [first, second].map(
    (entry) => `${entry?.[1]} (${entry?.[0] === undefined ? 'no prefix' : `prefix "${entry[0]}"`})`,
  );
  throw new LockUsageError(
    'LOCK_OPTIONS_INVALID',
    `${targetClass.name} is in ${one} and in ${other}, so DistributedLockModule.forFeature gives its locks two names; list it in one module, and export it`,
  );
}

/** The same names, of a feature. */
export function ofFeature(names: CompiledNames, prefix: string | undefined): CompiledNames {
  if (prefix === undefined) return names;
  const whole = (made: string[]) => made.map((name) => featureName(prefix, name));
  return {
    untyped: names.untyped,
    fromRequest: (values) => whole(names.fromRequest(values)),
    fromArguments: (args, request) => whole(names.fromArguments(args, request)),
  };
}

/** In a module with a prefix `LockService` is easily taken for the one that has it. */
export function warnOfWholeNames(
  logger: Logger,
  targetClass: AnyFunction,
  container: ModulesContainer,
): void {
  if (!injects(targetClass, LockService)) return;
  const prefix = [...prefixesOf(targetClass, container).keys()].find((one) => one !== undefined);
  if (prefix === undefined) return;
  logger.warn(
    `${targetClass.name} injects LockService in a module of DistributedLockModule.forFeature({ prefix: '${prefix}' }): names given to it are whole names, ` +
      `so "order:7" there is not @Locked('order:<id>') here; inject FeatureLocks`,
  );
}

/** Of each module that has the class, and one such module for messages. */
function prefixesOf(targetClass: AnyFunction, container: ModulesContainer): Map<string | undefined, string> {
  const found = new Map<string | undefined, string>();
  for (const module of container.values())
    if (lists(module, targetClass)) found.set(prefixOf(module), module.name);
  return found;
}

function prefixOf(module: Module): string | undefined {
  for (const imported of module.imports) {
    const prefix: unknown = imported.providers.get(LOCK_FEATURE)?.instance;
    if (typeof prefix === 'string') return prefix;
  }
  return undefined;
}

function lists(module: Module, targetClass: AnyFunction): boolean {
  const { controllers, providers, injectables } = module;
  return [...controllers.values(), ...providers.values(), ...injectables.values()].some(
    ({ metatype, instance }) =>
      metatype === targetClass || (instance as object | null | undefined)?.constructor === targetClass,
  );
}

/** Nest's records: types of the constructor, what `@Inject` says instead, and properties. */
function injects(targetClass: AnyFunction, token: unknown): boolean {
  const types = (Reflect.getMetadata('design:paramtypes', targetClass) ?? []) as unknown[];
  const given = (Reflect.getMetadata('self:paramtypes', targetClass) ?? []) as { param: unknown }[];
  return types.includes(token) || given.some(({ param }) => param === token);
}
