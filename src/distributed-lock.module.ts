import {
  ConfigurableModuleBuilder,
  type DynamicModule,
  type FactoryProvider,
  Module,
  type Provider,
} from '@nestjs/common';
import { APP_FILTER, APP_INTERCEPTOR, ApplicationConfig, ModulesContainer } from '@nestjs/core';
import { describeValue, LockUsageError } from '../lib/index.js';
import {
  type DistributedLockExtras,
  checkFeature,
  type DistributedLockOptions,
  type LockFeatureOptions,
  type LockServiceSettings,
  resolveModuleOptions,
} from './distributed-lock.module-options.js';
import { FeatureLocks } from './feature-locks.js';
import { announceCopy, tokensOfOtherCopies } from './startup/copies.js';
import { LockExceptionFilter } from './transports/lock-exception.filter.js';
import { LockInterceptor } from './call/lock.interceptor.js';
import { reachHandlers } from './call/handler-edge.js';
import { LockRegistry } from './startup/lock.registry.js';
import { LockService } from './lock.service.js';
import {
  DEFAULT_SERVICE,
  LOCK_FEATURE,
  LOCK_INTERCEPTOR,
  LOCK_MODULE_OPTIONS,
  LOCK_REGISTRY,
  LOCK_SERVICE_NAME,
  LOCK_SETTINGS,
  lockServiceToken,
  HANDLER_EDGE,
} from './lock.tokens.js';
import { LockedMethodsExplorer } from './startup/locked-methods.explorer.js';

const { ConfigurableModuleClass, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<DistributedLockOptions>({
    moduleName: 'DistributedLock',
    optionsInjectionToken: LOCK_MODULE_OPTIONS,
  })
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createDistributedLockOptions')
    .setExtras<DistributedLockExtras>({ name: DEFAULT_SERVICE, isGlobal: true }, (definition, extras) => {
      const { name = DEFAULT_SERVICE, isGlobal = true } = extras;
      const token = lockServiceToken(checkName(name));
      const own = [...(definition.providers ?? []), ...serviceProviders(name)];
      if (name === DEFAULT_SERVICE) own.push(...oncePerApplication);
      const forLibraries = () => tokensOfOtherCopies(name, token);
      return {
        ...definition,
        global: isGlobal,
        // Read when Nest scans the application: then every copy is loaded, in whatever order files import each other.
        get providers() {
          return [...own, ...forLibraries()];
        },
        get exports() {
          const tokens = forLibraries().map((provider) => (provider as FactoryProvider).provide);
          return [token, LOCK_REGISTRY, ...tokens];
        },
      };
    })
    .build();

announceCopy(lockServiceToken);

@Module({})
class LockFeatureModule {}

/**
 * Registers a lock service, and with the default one everything that `@Locked` needs: the interceptor, the exception filter and the
 * checks at start-up.
 *
 * @example
 * imports: [DistributedLockModule.forRoot()]   // REDIS_URL, or redis://127.0.0.1:6379
 */
@Module({})
export class DistributedLockModule extends ConfigurableModuleClass {
  /**
   * @throws LockUsageError at start-up, for any option that is wrong or unknown; LockStoreError at start-up, when the store does not
   *   serve within 10 s (see `startup`)
   */
  static override forRoot(options: typeof OPTIONS_TYPE = {}): DynamicModule {
    return super.forRoot(options);
  }

  /** As forRoot, with options from `useFactory` (+ `inject`), `useClass` or `useExisting`; `name` and `isGlobal` stand beside them. */
  static override forRootAsync(options: typeof ASYNC_OPTIONS_TYPE): DynamicModule {
    return super.forRootAsync(options);
  }

  /**
   * For the module that imports it: the names of `@Locked` on the controllers and providers that are listed in that module begin with
   * `prefix:`, so that two features may each have their `order:7`. By hand inject {@link FeatureLocks}, which does the same; `LockService`
   * goes on taking whole names. It uses the connection of `forRoot()`.
   *
   * @throws LockUsageError LOCK_OPTIONS_INVALID; when the application starts, for a class that modules with different prefixes have
   */
  static forFeature(options: LockFeatureOptions): DynamicModule {
    const { prefix, service } = checkFeature(options);
    const locks: FactoryProvider = {
      provide: FeatureLocks,
      useFactory: (root: LockService) => new FeatureLocks(root, prefix),
      inject: [lockServiceToken(service)],
    };
    return {
      module: LockFeatureModule,
      providers: [{ provide: LOCK_FEATURE, useValue: prefix }, locks],
      exports: [FeatureLocks],
    };
  }
}

function serviceProviders(name: string): Provider[] {
  return [
    { provide: LOCK_SERVICE_NAME, useValue: name },
    {
      provide: LOCK_SETTINGS,
      useFactory: resolveModuleOptions,
      inject: [LOCK_MODULE_OPTIONS, LOCK_SERVICE_NAME],
    },
    {
      provide: LOCK_REGISTRY,
      useFactory: (container: ModulesContainer, config: ApplicationConfig) =>
        LockRegistry.of(container, config),
      inject: [ModulesContainer, ApplicationConfig],
    },
    {
      provide: lockServiceToken(name),
      useFactory: (settings: LockServiceSettings, registry: LockRegistry) =>
        new LockService(settings, registry),
      inject: [LOCK_SETTINGS, LOCK_REGISTRY],
    },
  ];
}

/** `useExisting`, so that tests can override the interceptor and the filter by their classes. */
const oncePerApplication: Provider[] = [
  LockInterceptor,
  { provide: APP_INTERCEPTOR, useExisting: LockInterceptor },
  { provide: LOCK_INTERCEPTOR, useExisting: LockInterceptor },
  LockExceptionFilter,
  { provide: APP_FILTER, useExisting: LockExceptionFilter },
  LockedMethodsExplorer,
  { provide: HANDLER_EDGE, useFactory: reachHandlers, inject: [ModulesContainer] },
];

function checkName(name: unknown): string {
  if (typeof name === 'string' && name.trim() !== '') return name;
  const problem = `name must be a non-empty string, got ${describeValue(name)}`;
  throw new LockUsageError('LOCK_OPTIONS_INVALID', `DistributedLockModule.forRoot: ${problem}`);
}
