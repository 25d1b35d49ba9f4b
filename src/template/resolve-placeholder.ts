import type { LockedMethod } from './locked-method.js';
import { type LockTemplate, type Placeholder, type RequestSource, templateError } from './lock-template.js';
import { parameterNames, type ShownParameters } from './parameter-names.js';
import {
  barePayloadIndex,
  type BoundArgument,
  boundArguments,
  lockKeys,
  pathParameters,
} from './route-arguments.js';
import { didYouMean } from './did-you-mean.js';

/** Where a placeholder's value is, in the request and among the final arguments. At least one of the two is known. */
export interface Located {
  /** undefined: not in the request as it arrives (a custom decorator, an argument of a plain method). */
  readonly request?: { readonly source: RequestSource; readonly path: readonly string[] };
  /** undefined: Nest binds no argument to it. */
  readonly argument?: { readonly index: number; readonly fields: readonly string[]; readonly rest: boolean };
  /** What Nest binds to that argument, pipes included. */
  readonly bound?: BoundArgument;
  /** The value is the client's, so that a missing one is the client's mistake. */
  readonly fromClient: boolean;
}

/** Everything that is known about a method's values, gathered once for all its templates. */
export class KnownValues {
  readonly #bound: readonly BoundArgument[];
  readonly #own: ShownParameters | null;
  readonly #pathNames: readonly string[];
  readonly #payloadIndex: number | undefined;

  constructor(readonly method: LockedMethod) {
    this.#bound = boundArguments(method);
    this.#own = parameterNames(method.original);
    this.#payloadIndex = barePayloadIndex(method);
    const [first = [], ...others] = method.routePaths.map(pathParameters);
    this.#pathNames = first.filter((name) => others.every((names) => names.includes(name)));
  }

  /** @throws LockUsageError when the value is unknown or ambiguous; the message says what is known and what to write */
  locate(placeholder: Placeholder, template: LockTemplate, place: string): Located {
    const fail = (problem: string) =>
      templateError({ text: template.text, place }, `${placeholder.raw} ${problem}`);
    const { source, path, index } = placeholder;
    if (index !== undefined) return this.#checked(this.#atIndex(index, path), index, fail);
    const isRequestPart = source !== 'bare' && source !== 'argument';
    if (isRequestPart && this.method.kind === 'http') return this.#inRequest(source, path, fail);

    // A plain method has no request: there `<user.id>` is its own parameter `user`.
    const [name = '', ...fields] = isRequestPart ? [source, ...path] : path;
    const explicit = distinct(this.#explicitly(name, fields, fail));
    if (explicit.length > 1) {
      throw fail(
        `is ambiguous: it may be ${explicit.map(describeLocated).join(' or ')}; write the one you mean`,
      );
    }
    const [found = this.#ownParameter(name, fields, fail)] = explicit;
    if (found === undefined) throw fail(this.#unknown(name, fields, isRequestPart));
    return found;
  }

  /** Names that Nest binds, that the route's path has, and that `@LockKey` gives. */
  #explicitly(name: string, fields: readonly string[], fail: (problem: string) => Error): Located[] {
    const bound = this.#bound
      .filter((argument) => isNamed(argument, name))
      .map((argument) =>
        argument.source === undefined
          ? located(argument, fields)
          : this.#covered(argument.source, [argument.name ?? name, ...fields]),
      );
    const inPath = this.#pathNames.includes(name) ? [this.#covered('params', [name, ...fields])] : [];
    const keys = lockKeys(this.method).filter((key) => key.name === name);
    return [
      ...bound,
      ...inPath,
      ...keys.map((key) => this.#checked(this.#atIndex(key.index, fields), key.index, fail)),
    ];
  }

  #inRequest(source: RequestSource, path: readonly string[], fail: (problem: string) => Error): Located {
    const rivals = this.#explicitly(source, path, fail);
    if (rivals.length > 0) {
      throw fail(
        `is ambiguous: "${source}" is a part of the request and also ${rivals.map(describeLocated).join(', ')}`,
      );
    }
    const found = this.#covered(source, path);
    const [name = ''] = path;
    const paths = this.method.routePaths;
    if (
      source === 'params' &&
      found.bound === undefined &&
      paths.length > 0 &&
      !this.#pathNames.includes(name)
    ) {
      const known = this.#pathNames.map((pathName) => `params.${pathName}`);
      const fix = `${didYouMean(`params.${name}`, known)} If a prefix of the application has it, bind it: @Param('${name}').`;
      throw fail(`is not a parameter of the route ${paths.join(', ')};${listed(known)}.${fix}`);
    }
    return found;
  }

  /** A value of the request, with the argument that shows it to the handler: the exact one before the one with everything. */
  #covered(source: RequestSource, path: readonly string[]): Located {
    const [name = '', ...fields] = path;
    const request = { source, path };
    const fromClient = source !== 'user';
    const ofSource = this.#bound.filter((argument) => argument.source === source);
    // Bound twice: the one with more pipes says more about what counts as one value.
    const [exact] = ofSource
      .filter((argument) => isNamed(argument, name))
      .toSorted((a, b) => b.pipes.length - a.pipes.length);
    if (exact !== undefined) return { ...located(exact, fields), request };
    const whole = ofSource.find((argument) => argument.name === undefined);
    return whole === undefined ? { request, fromClient } : { ...located(whole, path), request };
  }

  #atIndex(index: number, fields: readonly string[]): Located | undefined {
    const bound = this.#bound.find((argument) => argument.index === index);
    if (bound !== undefined) return located(bound, fields);
    if (this.method.kind === 'http') return undefined; // Nest passes nothing there
    return { argument: { index, fields, rest: false }, fromClient: index === this.#payloadIndex };
  }

  #checked(found: Located | undefined, index: number, fail: (problem: string) => Error): Located {
    if (found === undefined) throw fail(`is argument ${index}, to which Nest binds nothing`);
    if (found.request?.path.length === 0)
      throw fail(`is the whole ${found.request.source}; name a field of it`);
    return found;
  }

  #ownParameter(
    name: string,
    fields: readonly string[],
    fail: (problem: string) => Error,
  ): Located | undefined {
    // Over HTTP before the handler, a parameter's own name says nothing about where its value comes from.
    if (this.method.kind === 'http' && this.method.phase === 'request') return undefined;
    const own = this.#own?.names.find((parameter) => parameter.name === name);
    if (own === undefined) return undefined;
    // `transfer(a,n)` may have become `transfer(n,e)`: <n> would lock another thing than its author meant, and say nothing.
    if (this.#own?.isMinified === true)
      throw fail(
        `may be another parameter than its author meant: the source of this method is minified. ${instead(name)}`,
      );
    const place = { index: own.index, rest: own.rest, fields: [...own.path, ...fields] };
    const bound = this.#bound.find((argument) => argument.index === own.index);
    return bound === undefined
      ? { argument: place, fromClient: own.index === this.#payloadIndex }
      : { ...located(bound, place.fields), argument: place };
  }

  #unknown(name: string, fields: readonly string[], isRequestPart: boolean): string {
    const isHttp = this.method.kind === 'http';
    const usesOwnNames = !isHttp || this.method.phase === 'handler';
    if (usesOwnNames && this.#own === null) {
      return `cannot be found: the source of this method does not show its parameter names (native, bound or wrapped code). ${instead(name)}`;
    }
    const known = this.#knownNames(usesOwnNames);
    const subject = isHttp ? 'is not bound by any parameter' : 'is not a parameter of this method';
    const extra = isRequestPart
      ? ', and a plain method has no request'
      : this.#hint(name, fields, usesOwnNames);
    return `${subject}${extra};${listed(known)}.${didYouMean(name, known)}`;
  }

  #hint(name: string, fields: readonly string[], usesOwnNames: boolean): string {
    const ownNames = this.#own?.names ?? [];
    if (usesOwnNames && this.#own?.looksMinified === true) {
      // A minifier keeps the keys: `({ orderId })` becomes `({orderId:e})`.
      const known = ownNames.find(({ path }) => path.at(-1) === name);
      const place = known === undefined ? [0, ...fields] : [known.index, ...known.path, ...fields];
      return `; this looks minified, which gives parameters other names. ${instead(name, place)}`;
    }
    if (usesOwnNames && ownNames.some((parameter) => parameter.rest)) {
      return ` (its source shows only ...${ownNames.at(-1)?.name ?? ''}: if a decorator wraps it, use @LockKey, <0> or a key function)`;
    }
    if (this.method.kind !== 'http') return '';
    const own = ownNames.find((parameter) => parameter.name === name && parameter.path.length === 0);
    const bound = this.#bound.find((argument) => argument.index === own?.index);
    if (bound?.source !== undefined) {
      return ` under that name; argument ${bound.index} is <${[bound.source, bound.name ?? [], fields].flat(2).join('.')}>`;
    }
    const hasBody = this.#bound.some((argument) => argument.source === 'body' && argument.name === undefined);
    return hasBody ? ` (a field of the body is written <body.${name}>)` : '';
  }

  #knownNames(usesOwnNames: boolean): string[] {
    const own = usesOwnNames ? (this.#own?.names ?? []) : [];
    const bound = this.#bound.flatMap(({ name, source }) =>
      name === undefined ? [] : [source === 'headers' ? name.toLowerCase() : name],
    );
    const keys = lockKeys(this.method);
    return [
      ...new Set([
        ...bound,
        ...this.#pathNames,
        ...keys.map((key) => key.name),
        ...own.map((parameter) => parameter.name),
      ]),
    ];
  }
}

function located(bound: BoundArgument, fields: readonly string[]): Located {
  const { source, name, index } = bound;
  const argument = { index, fields, rest: false };
  if (source === undefined) return { argument, bound, fromClient: bound.fromClient };
  return {
    request: { source, path: name === undefined ? fields : [name, ...fields] },
    argument,
    bound,
    fromClient: true,
  };
}

/** Header names have no case. */
function isNamed({ name, source }: BoundArgument, wanted: string): boolean {
  return source === 'headers' ? name?.toLowerCase() === wanted.toLowerCase() : name === wanted;
}

function distinct(candidates: readonly Located[]): Located[] {
  return [...new Map(candidates.map((candidate) => [describeLocated(candidate), candidate])).values()];
}

function describeLocated({ request, argument }: Located): string {
  if (request !== undefined) return `<${[request.source, ...request.path].join('.')}>`;
  return `<${[argument?.index, ...(argument?.fields ?? [])].join('.')}>`;
}

/** What to write where the source does not show a parameter's name. */
function instead(name: string, place: readonly (string | number)[] = [0]): string {
  return `Give the argument a name with @LockKey('${name}'), or write its place, <${place.join('.')}>, or use a key function`;
}

function listed(known: readonly string[]): string {
  return known.length === 0 ? ' nothing is known here' : ` known here: ${known.join(', ')}`;
}
