import type { DistributedLockOptions } from '../distributed-lock.module-options.js';
import { resolveModuleOptions } from '../distributed-lock.module-options.js';
import { LOCK_MODULE_OPTIONS, LOCK_SERVICE_NAME, LOCK_SETTINGS } from '../lock.tokens.js';

/** What we need of Nest's `TestingModuleBuilder`, so that `@nestjs/testing` is nobody's dependency. */
export interface OverridableBuilder {
  overrideProvider(token: unknown): {
    useFactory(options: { factory: (...args: never[]) => unknown; inject?: unknown[] }): unknown;
  };
}

/** Each registration of the module asks for options of its own. What the application gives as `useFactory` is not called. */
export function overrideOptions(builder: OverridableBuilder, options: () => DistributedLockOptions): void {
  builder.overrideProvider(LOCK_MODULE_OPTIONS).useFactory({ factory: () => ({}) });
  // Nest 11 goes on with a value that is overridden by a factory, so the options of a plain forRoot would come through above.
  builder.overrideProvider(LOCK_SETTINGS).useFactory({
    factory: (name: string) => resolveModuleOptions(options(), name),
    inject: [LOCK_SERVICE_NAME],
  });
}
