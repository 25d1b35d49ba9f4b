import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type InjectionToken, type Provider, Scope } from '@nestjs/common';
import { COPY_FORMAT, LockUsageError } from '../../lib/index.js';

/** What a copy of this package says of itself when it is loaded. Copies of every format read it: add fields, never change one. */
interface Copy {
  readonly format: number;
  /** The folder of the package, or the file of a bundle. */
  readonly place: string;
  /** What Nest's container knows a lock service of this copy by. */
  readonly serviceToken: (name: string) => InjectionToken;
}

const COPIES = Symbol.for('nestjs-distributed-lock:copies');
const copies = ((globalThis as { [COPIES]?: Copy[] })[COPIES] ??= []);

export function announceCopy(serviceToken: Copy['serviceToken']): void {
  copies.push({ format: COPY_FORMAT, place: placeOfThisFile(), serviceToken });
}

/**
 * A lock service under the tokens of all other copies that are loaded by now, so that a library with a copy of its own is given the
 * service of the application. What a copy of another format asks for is an error that names both, and only when it does ask.
 */
export function tokensOfOtherCopies(name: string, own: InjectionToken): Provider[] {
  const tokens = new Map(copies.map((copy) => [copy.serviceToken(name), copy]));
  tokens.delete(own);
  return [...tokens].map(([provide, copy]) => {
    if (copy.format === COPY_FORMAT) return { provide, useExisting: own };
    const refuse = () => {
      throw new LockUsageError(
        'LOCK_OPTIONS_INVALID',
        `two copies of nestjs-distributed-lock that do not understand each other are in this application${whereCopiesAre()}; ` +
          'install one version: `npm ls nestjs-distributed-lock` shows who brings which',
      );
    };
    return { provide, scope: Scope.TRANSIENT, useFactory: refuse };
  });
}

/** For messages: where this package was loaded from, if more than once; else ''. */
export function whereCopiesAre(): string {
  const places = new Set(copies.map(({ place }) => place + versionAt(place)));
  return places.size > 1 ? ` (copies of nestjs-distributed-lock: ${[...places].join(', ')})` : '';
}

/** The same source is built as an ES module and as CommonJS, which have no common word for this: ask the stack. */
function placeOfThisFile(): string {
  // oxlint-disable-next-line typescript/unbound-method -- put back as it was
  const { prepareStackTrace } = Error;
  try {
    Error.prepareStackTrace = (_error, sites) => sites[0]?.getFileName();
    const file = String(new Error('where am I').stack);
    return (file.startsWith('file:') ? fileURLToPath(file) : file).replace(/[\\/]dist[\\/].*/, '');
  } finally {
    Error.prepareStackTrace = prepareStackTrace;
  }
}

function versionAt(place: string): string {
  try {
    const { version } = JSON.parse(readFileSync(join(place, 'package.json'), 'utf8')) as { version: string };
    return ` ${version}`;
  } catch {
    return ''; // a bundle
  }
}
