import type { ApplicationConfig, ModulesContainer } from '@nestjs/core';
import { LockUsageError, processWide } from '../../lib/index.js';
import type { LockService, ServiceRegistry, ServiceRun } from '../lock.service.js';
import { DEFAULT_SERVICE } from '../lock.tokens.js';
import { type LockedSpec, specOf } from '../locked-spec.js';
import { compileNames } from '../template/compile-names.js';
import {
  type AnyFunction,
  type CompiledNames,
  type LockedMethod,
  methodOf,
} from '../template/locked-method.js';
import { handlesResponse, routePathsOf } from '../transports/http/route-metadata.js';
import { activateService, retireService } from './active-services.js';
import { whereCopiesAre } from './copies.js';
import { featurePrefixOf, ofFeature } from './feature-prefix.js';
import { warnWithoutShutdownHooks } from './shutdown-hooks.js';
import { waitForStore } from './store-startup.js';

/** A decorated method as one class of one application has it. */
export interface KnownMethod {
  readonly names: CompiledNames;
  /** A route handler of a controller; else any other method. */
  readonly isRoute: boolean;
  /** The handler writes the response itself (`@Res()` without passthrough), so its return value does not tell the end. */
  readonly handlesResponse: boolean;
}

/** 'request': names from the raw request, before pipes. 'arguments': from the arguments of the call. */
export type NameMoment = 'request' | 'arguments';

const byContainer = processWide('registries', () => new WeakMap<ModulesContainer, LockRegistry>());

/** What one application knows about its locks: services by name, from start to shutdown, and the compiled names of decorated methods. */
export class LockRegistry implements ServiceRegistry {
  readonly #container: ModulesContainer | undefined;
  readonly #config: ApplicationConfig | undefined;
  readonly #services = new Map<string, LockService>();
  readonly #known: Record<NameMoment, WeakMap<LockedSpec, WeakMap<AnyFunction, KnownMethod>>> = {
    request: new WeakMap(),
    arguments: new WeakMap(),
  };

  constructor(container?: ModulesContainer, config?: ApplicationConfig) {
    this.#container = container;
    this.#config = config;
  }

  /** The one registry of an application; several registrations of the module share it. */
  static of(container: ModulesContainer, config: ApplicationConfig): LockRegistry {
    let registry = byContainer.get(container);
    if (registry === undefined) {
      registry = new LockRegistry(container, config);
      byContainer.set(container, registry);
    }
    return registry;
  }

  /** @throws LockUsageError when its name is taken; what `waitForStore` throws */
  async starting(service: LockService, { clock, logger, signal }: ServiceRun): Promise<void> {
    const { name, storeAddress: address, startup } = service.settings;
    this.#add(name, service);
    await waitForStore(service, { address, startup, clock, logger, signal });
  }

  /** @throws LockUsageError when the application has no default service */
  started(service: LockService, { clock, logger, signal }: ServiceRun): void {
    this.#requireDefault(service.settings.name);
    warnWithoutShutdownHooks(clock, logger, signal);
  }

  stopped(service: LockService): void {
    retireService(service);
  }

  /** Our own checks stop the start. Nest does not close an application that did not start. */
  abandon(): void {
    for (const service of this.#services.values()) void service.close();
  }

  /** Of the default service; for the exception filter. */
  get exposeLockName(): boolean {
    return this.#services.get(DEFAULT_SERVICE)?.settings.exposeLockName === true;
  }

  /** Compiles on first use; the explorer asks for every method when the application starts. @throws LockUsageError */
  method(spec: LockedSpec, targetClass: AnyFunction, moment: NameMoment): KnownMethod {
    let byClass = this.#known[moment].get(spec);
    if (byClass === undefined)
      this.#known[moment].set(spec, (byClass = new WeakMap<AnyFunction, KnownMethod>()));
    let known = byClass.get(targetClass);
    if (known === undefined) byClass.set(targetClass, (known = this.#compile(spec, targetClass, moment)));
    return known;
  }

  #add(name: string, service: LockService): void {
    const present = this.#services.get(name);
    if (present !== undefined && present !== service) {
      throw new LockUsageError(
        'LOCK_OPTIONS_INVALID',
        `DistributedLockModule registers the lock service "${name}" twice, so half of the application would lock against the other half; ` +
          'import forRoot() once, in the root module, or give the second one a name: forRoot({ name })' +
          whereCopiesAre(),
      );
    }
    this.#services.set(name, service);
    activateService(service);
  }

  /** The default registration brings the interceptor, the filter and the start-up checks. */
  #requireDefault(name: string): void {
    if (this.#services.has(DEFAULT_SERVICE)) return;
    throw new LockUsageError(
      'LOCK_OPTIONS_INVALID',
      `DistributedLockModule registers the lock service "${name}" but no default one, which brings what @Locked needs over HTTP; ` +
        'call forRoot() once without a name',
    );
  }

  #compile(spec: LockedSpec, targetClass: AnyFunction, moment: NameMoment): KnownMethod {
    const current = methodOf(targetClass, spec.methodName);
    const prefixes =
      this.#container === undefined || this.#config === undefined ? undefined : this.#prefixesOf(targetClass);
    // A method that a subclass overrides and calls with `super` is no route, although the override may be one.
    const routePaths =
      specOf(current) === spec ? routePathsOf(targetClass, current as AnyFunction, prefixes) : [];
    const isRoute = routePaths.length > 0;
    const method: LockedMethod = {
      targetClass,
      routePaths,
      methodName: spec.methodName,
      original: spec.original,
      kind: isRoute ? 'http' : 'method',
      phase: isRoute && moment === 'request' ? 'request' : 'handler',
      globalPipes: this.#globalPipes(),
    };
    const prefix = this.#container === undefined ? undefined : featurePrefixOf(targetClass, this.#container);
    return {
      names: ofFeature(compileNames(spec.names, method), prefix),
      isRoute,
      handlesResponse: isRoute && handlesResponse(targetClass, spec.methodName),
    };
  }

  #globalPipes(): object[] {
    if (this.#config === undefined) return [];
    const scoped = this.#config
      .getGlobalRequestPipes()
      .map((wrapper) => wrapper.metatype ?? wrapper.instance);
    return [...this.#config.getGlobalPipes(), ...scoped] as object[];
  }

  #prefixesOf(controller: AnyFunction) {
    const container = this.#container as ModulesContainer;
    const modules = [...container.values()]
      .filter((module) => [...module.controllers.values()].some(({ metatype }) => metatype === controller))
      .map((module) => module.metatype as AnyFunction);
    return { applicationId: container.applicationId, modules, global: this.#config?.getGlobalPrefix() ?? '' };
  }
}

/** For a double that a test put in the place of a service. */
const withoutApplication = new LockRegistry();

/** Of the application that the service belongs to. */
export function registryOf(service: LockService): LockRegistry {
  return (service.registry as LockRegistry | undefined) ?? withoutApplication;
}
