import { Inject, Injectable, Logger, type NestInterceptor, type OnModuleInit } from '@nestjs/common';
import { ApplicationConfig, ModuleRef, ModulesContainer } from '@nestjs/core';
import { checkStore, LockUsageError } from '../../lib/index.js';
import type { LockService } from '../lock.service.js';
import { LOCK_INTERCEPTOR, LOCK_REGISTRY } from '../lock.tokens.js';
import { CLASS_REMEDY, type LockedSpec, specAt } from '../locked-spec.js';
import { notesOn } from '../template/key-function-notes.js';
import { type AnyFunction, methodOf } from '../template/locked-method.js';
import { PATH } from '../transports/http/route-metadata.js';
import { LayeredRoots } from './layered-roots.js';
import type { KnownMethod, LockRegistry } from './lock.registry.js';
import { type HandlerKind, handlerKindsOf } from './handler-kind.js';
import { type Member, refuseInert } from './inert-decorators.js';
import { warnOfOuterFilters } from './outer-filters.js';
import { fillServiceSlot, serviceIn } from './service-slot.js';
import { warnOfWholeNames } from './feature-prefix.js';
import { warnOfUntypedValues } from './untyped-values.js';

/**
 * Looks at every class of the application when it starts, so that a wrong template is an error before the first request and
 * nothing that says `@Locked` is silently inert.
 */
@Injectable()
export class LockedMethodsExplorer implements OnModuleInit {
  readonly #logger = new Logger('DistributedLock');

  constructor(
    @Inject(ModulesContainer) private readonly container: ModulesContainer,
    @Inject(ApplicationConfig) private readonly config: ApplicationConfig,
    @Inject(LOCK_REGISTRY) private readonly registry: LockRegistry,
    @Inject(ModuleRef) private readonly moduleRef: ModuleRef,
    @Inject(LOCK_INTERCEPTOR) private readonly interceptor: NestInterceptor,
  ) {}

  /** Nest calls it; global pipes and interceptors of `main.ts` are registered by then. @throws LockUsageError */
  onModuleInit(): void {
    try {
      this.#explore();
    } catch (error) {
      this.registry.abandon();
      throw error;
    }
  }

  #explore(): void {
    const classes = new Set<AnyFunction>();
    const roots = new LayeredRoots();
    const untyped: string[] = [];
    let locksRequests = false;
    let hasRoutes = false;
    for (const { targetClass, instance } of this.#hosts()) {
      if (instance !== undefined) this.#giveService(instance, targetClass);
      if (classes.has(targetClass)) continue;
      classes.add(targetClass);
      warnOfWholeNames(this.#logger, targetClass, this.container);
      for (const spec of lockedMethodsOf(targetClass)) {
        const known = this.#check(spec, targetClass, roots);
        untyped.push(...known.names.untyped);
        hasRoutes ||= known.isRoute;
        locksRequests ||= known.isRoute && spec.phase === 'request';
      }
    }
    warnOfUntypedValues(this.#logger, untyped);
    if (locksRequests) this.#warnOfOuterInterceptors();
    if (hasRoutes) warnOfOuterFilters(this.config, this.#logger);
  }

  /** Compiles the names of one method, which throws what is wrong with them. @throws LockStoreError LOCK_STORE_UNSUPPORTED · LockUsageError */
  #check(spec: LockedSpec, targetClass: AnyFunction, roots: LayeredRoots): KnownMethod {
    const service = serviceIn(this.moduleRef, spec) as Partial<LockService>; // a test may have put a double in its place
    const { settings } = service;
    roots.add(spec, spec.acquire.layers ?? settings?.manager.layers ?? false);
    if (settings !== undefined) checkStore(spec.acquire, settings.manager.store, `@Locked on ${spec.place}`);
    // From now on the service looks whom a grant would meet.
    if (spec.runsUnlocked) void service.unlockedRuns;
    notesOn(spec.names)?.checkAtStart(targetClass);
    if (spec.whenBusy === 'skip') refuseSkippedAnswers(spec, targetClass);
    try {
      return this.registry.method(spec, targetClass, spec.phase === 'request' ? 'request' : 'arguments');
    } catch (error) {
      if (!spec.ofClass || !(error instanceof LockUsageError)) throw error;
      throw new LockUsageError(error.code, error.message + CLASS_REMEDY, { cause: error });
    }
  }

  /** Controllers and providers of every module, with their instances where Nest has them already. */
  *#hosts(): Generator<{ targetClass: AnyFunction; instance: object | undefined }> {
    for (const module of this.container.values()) {
      for (const wrapper of [
        ...module.controllers.values(),
        ...module.providers.values(),
        ...module.injectables.values(),
      ]) {
        const instance =
          wrapper.isDependencyTreeStatic() && !wrapper.isTransient ? wrapper.instance : undefined;
        const isObject = typeof instance === 'object' && instance !== null;
        // For `useFactory`, `metatype` is the factory and says nothing about the class.
        const targetClass = isObject
          ? (instance.constructor as unknown)
          : wrapper.inject == null
            ? wrapper.metatype
            : undefined;
        if (typeof targetClass === 'function')
          yield { targetClass, instance: isObject ? instance : undefined };
      }
    }
  }

  /** What `useValue` and `useFactory` made did not come through Nest's property injection. */
  #giveService(instance: object, targetClass: AnyFunction): void {
    for (const spec of lockedMethodsOf(targetClass)) {
      if (!spec.isStatic) fillServiceSlot(instance, spec.serviceName, serviceIn(this.moduleRef, spec));
    }
  }

  #warnOfOuterInterceptors(): void {
    const interceptors = this.config.getGlobalInterceptors();
    const outer = interceptors.slice(0, Math.max(0, interceptors.indexOf(this.interceptor)));
    for (const { constructor } of outer) {
      this.#logger.warn(
        `the global interceptor ${constructor.name} runs outside of the locks of @Locked, so what it does after the handler (a commit, for example) ` +
          'is not under the lock; import DistributedLockModule before the module that provides it',
      );
    }
  }
}

/**
 * A route handler that a subclass overrides: no route leads to it, so what its names would read from a request is not there. If the
 * override calls `super`, the names are compiled, and what is wrong with them is said, at that call.
 */
function isHiddenRoute(targetClass: AnyFunction, { key, method }: Member): boolean {
  return method !== undefined && methodOf(targetClass, key) !== method && Reflect.hasMetadata(PATH, method);
}

/**
 * The decorated methods of a class, inherited ones included, also where a subclass overrides one (it may call `super`).
 *
 * @throws LockUsageError for @CurrentLease, @LockKey or @NotLocked where they do nothing, and for a @Locked that would lock nothing
 */
function lockedMethodsOf(targetClass: AnyFunction): LockedSpec[] {
  const specs: LockedSpec[] = [];
  for (const member of membersOf(targetClass)) {
    const spec = specAt(member.holder, member.key);
    if (spec === undefined) refuseInert(targetClass, member);
    else if (!isHiddenRoute(targetClass, member)) specs.push(spec);
  }
  return specs;
}

/**
 * Whoever waits for an answer would take `undefined` for one.
 *
 * @throws LockUsageError LOCK_OPTIONS_INVALID
 */
function refuseSkippedAnswers(spec: LockedSpec, targetClass: AnyFunction): void {
  const current = methodOf(targetClass, spec.methodName);
  const kind = handlerKindsOf(typeof current === 'function' ? current : spec.original).find(
    (one) => SKIPS[one],
  );
  if (kind === undefined) return;
  throw new LockUsageError(
    'LOCK_OPTIONS_INVALID',
    `@Locked on ${spec.place}: onBusy: 'skip' would answer ${SKIPS[kind]} with nothing, as if it had been done; ` +
      "use onBusy: 'reject', or fallback to say what the answer is",
  );
}

/** What waits for an answer. */
const SKIPS: Readonly<Partial<Record<HandlerKind, string>>> = {
  http: 'an HTTP request',
  graphql: 'a GraphQL operation',
  rpc: 'a message that waits for its answer',
};

function* membersOf(targetClass: AnyFunction): Generator<Member> {
  const chains = [targetClass.prototype as object | null | undefined, targetClass];
  for (const start of chains) {
    for (let holder = start; holder && holder !== Object.prototype && holder !== Function.prototype;) {
      for (const key of Reflect.ownKeys(holder)) {
        const value = Object.getOwnPropertyDescriptor(holder, key)?.value as unknown;
        if (key !== 'constructor')
          yield { holder, key, method: typeof value === 'function' ? value : undefined };
      }
      holder = Object.getPrototypeOf(holder) as object | null;
    }
  }
}
