/** Any class, any method: Nest's own word. */
// oxlint-disable-next-line typescript/no-unsafe-function-type
export type AnyFunction = Function;

/** What `@Locked` accepts as its first argument: a template, several, or a key function over the method's arguments. */
export type NameSpec = string | readonly string[] | ((...args: never[]) => string | string[]);

/**
 * When the name is made. 'request': before pipes, from the raw request. 'handler': after them, from the final arguments.
 */
export type NamePhase = 'request' | 'handler';

export interface LockedMethod {
  readonly targetClass: AnyFunction;
  readonly methodName: string | symbol;
  /** The function as its author wrote it, before our wrapper: its source shows the parameter names. */
  readonly original: AnyFunction;
  /** 'http': a route handler of a controller. 'method': any other method. */
  readonly kind: 'http' | 'method';
  readonly phase: NamePhase;
  /** Controller path + method path, one for each combination: ['/groups/:groupId/members']. [] for a plain method. */
  readonly routePaths: readonly string[];
  /** Instances or classes of the global pipes known at start-up. */
  readonly globalPipes: readonly object[];
}

export interface RequestValues {
  readonly params?: unknown;
  readonly query?: unknown;
  readonly body?: unknown;
  readonly headers?: unknown;
  readonly user?: unknown;
}

/** The names of one method's locks, once everything that can be checked has been checked. */
export interface CompiledNames {
  /**
   * From the raw request, before pipes. Only for kind 'http' and phase 'request'.
   *
   * @throws TemplateValueError when a value is missing or unusable
   */
  fromRequest(values: RequestValues): string[];
  /**
   * From the final arguments; `request` serves what Nest binds to no argument. Also for a route handler of phase 'request'
   * that code calls directly: then what cannot be found is a LockUsageError of that call.
   *
   * @throws TemplateValueError when a value is missing or unusable
   */
  fromArguments(args: readonly unknown[], request?: RequestValues): string[];
  /** Placeholders whose declared type would matter and is not recorded: `OrdersController.pay <id>`. */
  readonly untyped: readonly string[];
}

/** A key function gets final arguments, never `[req, res, next]`, so it always runs in phase 'handler'. */
export function phaseOf(spec: NameSpec, phase: NamePhase): NamePhase {
  return typeof spec === 'function' ? 'handler' : phase;
}

/** The method that calls on instances of the class reach. Not read as a property: an accessor may bind, or do anything else. */
export function methodOf(targetClass: AnyFunction, methodName: string | symbol): unknown {
  let holder = targetClass.prototype as object | null | undefined;
  while (holder && !Object.hasOwn(holder, methodName))
    holder = Object.getPrototypeOf(holder) as object | null;
  return holder ? Object.getOwnPropertyDescriptor(holder, methodName)?.value : undefined;
}
