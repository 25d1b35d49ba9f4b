import 'reflect-metadata';
import type { Logger } from '@nestjs/common';
import { type ApplicationConfig, BaseExceptionFilter } from '@nestjs/core';
import type { AnyFunction } from '../template/locked-method.js';
import { LockExceptionFilter } from '../transports/lock-exception.filter.js';

/** Nest's metadata key, the same in 11 and 12: what `@Catch(…)` names. */
const CAUGHT = '__filterCatchExceptions__';

/**
 * Of Nest's global filters the last one that fits an error has it, so one that catches everything and comes after ours has every error of a
 * lock. What `BaseExceptionFilter` answers is right; what another one answers, only its author knows.
 */
export function warnOfOuterFilters(config: ApplicationConfig, logger: Pick<Logger, 'warn'>): void {
  const filters = config.getGlobalFilters();
  const ours = filters.findIndex((filter) => filter instanceof LockExceptionFilter);
  const later = ours < 0 ? [] : filters.slice(ours + 1).map(({ constructor }) => constructor);
  const scoped = config.getGlobalRequestFilters().map(({ metatype }) => metatype as AnyFunction | undefined);
  const outer = [...later, ...scoped].filter((filter) => filter !== undefined && catchesAll(filter));
  for (const { name } of outer as AnyFunction[]) {
    logger.warn(
      `the global filter ${name} catches every error before the one of DistributedLockModule: it gets errors of @Locked as HttpExceptions (getStatus() is 423, 429, 503, …; ` +
        'Retry-After is set), and errors of locks in guards as they are. If it answers 500 to those, clients give up where they should try again: let it extend ' +
        "BaseExceptionFilter, or register it with APP_FILTER in the root module's own providers, so that ours comes first",
    );
  }
}

function catchesAll(filter: AnyFunction): boolean {
  if (filter.prototype instanceof BaseExceptionFilter) return false;
  const caught = Reflect.getMetadata(CAUGHT, filter) as readonly unknown[] | undefined;
  return caught !== undefined && (caught.length === 0 || caught.includes(Error));
}
