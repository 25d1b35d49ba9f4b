import { posix } from 'node:path';
import ts from 'typescript';

import { lineOf, nodesOf, type SourceFile } from './source-files.js';
import type { Rule } from './structure-rules.js';

/** In `npm:` packages; everything else is a path from the root of the checkout, without its suffix. */
const ANY_PACKAGE = /^npm:/;
const PLAIN_PACKAGE = /^npm:(?!@nestjs\/|rxjs$|rxjs\/|reflect-metadata$)/;
/** The port, and the modes that it speaks of. */
const PORT = /^lib\/stores\/lock-(store|modes)$/;
const ERRORS = /^lib\/lock-errors$/;
/** The root of the engine: errors, events, options, names. */
const WORDS = /^lib\/(?!index$|lock-manager$)[^/]+$/;
/** What every store has: batching, polls, bounds, undo. */
const MECHANICS = /^lib\/stores\/mechanics\//;
const RUNTIME = /^lib\/runtime\//;
const ENGINE = /^lib\/index$/;
const TEMPLATE = /^src\/template\//;
/** The root of the Nest module: the service, its options, tokens, what a locked method is. */
const NEST_WORDS = /^src\/(?!index$|distributed-lock\.module$)[^/]+$/;
/** What every transport has: whoever called, and what clients are told. */
const TRANSPORT_WORDS = /^src\/transports\/(?!transports$|lock-exception\.filter$)[^/]+$/;

interface Layer {
  readonly files: RegExp;
  readonly may: readonly (RegExp | string)[];
  /** What it may know by its type only. */
  readonly mayName?: readonly RegExp[];
}

/** Who may import whom: the first line that fits a file is its law. A colleague's folder is `$1`. */
const LAYERS: readonly Layer[] = [
  {
    files: /^lib\/stores\/(\w+)\//, // a store knows the port and what everybody may know, not the engine
    may: [PLAIN_PACKAGE, PORT, ERRORS, RUNTIME, MECHANICS, '^lib/stores/$1/'],
  },
  { files: /^lib\/stores\//, may: [PLAIN_PACKAGE, PORT, ERRORS, RUNTIME] }, // the port
  { files: /^lib\/index\.ts$/, may: [/^lib\/(?!(testing|terminus)\/)/] },
  { files: /^lib\/testing\//, may: [PLAIN_PACKAGE, PORT, /^lib\/(?!stores\/)/] },
  {
    files: /^lib\/lock-manager\.ts$/,
    may: [PLAIN_PACKAGE, PORT, WORDS, RUNTIME, /^lib\/(holding|waiting)\//],
  },
  { files: /^lib\/waiting\//, may: [PLAIN_PACKAGE, PORT, WORDS, RUNTIME, /^lib\/(holding|waiting)\//] },
  { files: /^lib\/holding\//, may: [PLAIN_PACKAGE, PORT, WORDS, RUNTIME, /^lib\/holding\//] },
  { files: /^lib\/runtime\//, may: [PLAIN_PACKAGE, PORT, ERRORS, RUNTIME] },
  {
    files: /^lib\/[^/]+$/, // the vocabulary
    may: [PLAIN_PACKAGE, PORT, WORDS, RUNTIME],
    mayName: [/^lib\/holding\//],
  },
  { files: TEMPLATE, may: [ANY_PACKAGE, ENGINE, TEMPLATE] },
  {
    files: /^src\/transports\/(\w+)\//, // a transport knows no other
    may: [ANY_PACKAGE, ENGINE, NEST_WORDS, TEMPLATE, TRANSPORT_WORDS, '^src/transports/$1/'],
  },
  {
    files: /^src\/transports\/(transports|lock-exception\.filter)\.ts$/, // who must know each of them
    may: [ANY_PACKAGE, ENGINE, NEST_WORDS, TEMPLATE, /^src\/transports\//],
    mayName: [/^src\/startup\/lock\.registry$/], // the constructor of the exception filter is public, and says so
  },
  { files: /^src\/transports\/[^/]+$/, may: [ANY_PACKAGE, ENGINE, NEST_WORDS, TEMPLATE, TRANSPORT_WORDS] },
  {
    files: /^src\/startup\//,
    may: [ANY_PACKAGE, ENGINE, NEST_WORDS, TEMPLATE, /^src\/(startup|transports)\//],
  },
  {
    files: /^src\/call\//,
    may: [ANY_PACKAGE, ENGINE, NEST_WORDS, TEMPLATE, /^src\/(call|startup|transports)\//],
  },
  {
    files: /^src\/decorators\//,
    may: [ANY_PACKAGE, ENGINE, NEST_WORDS, TEMPLATE, /^src\/(decorators|call|startup)\//],
  },
  {
    files: /^src\/testing\//, // doubles of the module for its users' tests
    may: [
      ANY_PACKAGE,
      ENGINE,
      NEST_WORDS,
      /^lib\/testing\/index$/,
      /^src\/(testing|startup)\//,
      /^src\/distributed-lock\.module$/,
    ],
  },
  { files: /^src\/terminus\//, may: [ANY_PACKAGE, ENGINE, NEST_WORDS, /^src\/terminus\//] },
  {
    files: /^src\/(schedule|bullmq)\//, // entry points for one library each
    may: [ANY_PACKAGE, ENGINE, NEST_WORDS, TEMPLATE, /^src\/decorators\//, '^src/$1/'],
  },
  { files: /^src\/index\.ts$/, may: [ENGINE, /^src\/(?!(testing|terminus|schedule|bullmq)\/)/] }, // these are entry points of their own
  {
    files: /^src\/distributed-lock\.module\.ts$/,
    may: [ANY_PACKAGE, ENGINE, NEST_WORDS, /^src\/(call|startup|transports)\//],
  },
  { files: /^src\/[^/]+$/, may: [ANY_PACKAGE, ENGINE, NEST_WORDS, TEMPLATE] },
  { files: /^(lib|src)\//, may: [] }, // a room without a law: write it one
  { files: /^sample-app\//, may: [/^npm:(?!nestjs-distributed-lock\/)/, /^sample-app\//] }, // as its users do
  { files: /^test\//, may: [/^/] },
  { files: /^/, may: [/^(?!test\/)/] },
];
/** Redlock is many Redis stores. */
const FRIENDS = new Map([['redlock', 'redis']]);

export const importRule: Rule = (file) => {
  const layer = LAYERS.find(({ files }) => files.test(file.path))!;
  const folder = layer.files.exec(file.path)?.[1] ?? '';
  const own = [folder, FRIENDS.get(folder)].filter((name) => name !== undefined).join('|');
  const may = layer.may.map((rule) =>
    typeof rule === 'string' ? new RegExp(rule.replace('$1', `(${own})`)) : rule,
  );
  const mayName = [...may, ...(layer.mayName ?? [])];
  return importsOf(file)
    .filter(({ target, isType }) => !(isType ? mayName : may).some((rule) => rule.test(target)))
    .map(({ target, line }) => `${file.path}:${line} may not import ${target}`);
};

interface Import {
  /** As in `LAYERS`. */
  readonly target: string;
  readonly line: number;
  /** Nothing of it is there at run time. */
  readonly isType: boolean;
}

function importsOf(file: SourceFile): Import[] {
  return [...nodesOf(file.tree)].flatMap((node) => {
    const specifier = specifierOf(node);
    if (specifier === undefined || !ts.isStringLiteralLike(specifier)) return [];
    const path = posix.join(posix.dirname(file.path), specifier.text).replace(/\.(js|mjs|ts)$/, '');
    const target = specifier.text.startsWith('.') ? path : `npm:${specifier.text}`;
    return [{ target, line: lineOf(file, node.getStart(file.tree)), isType: isTypeImport(node) }];
  });
}

function specifierOf(node: ts.Node): ts.Node | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return node.moduleSpecifier;
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) return node.argument.literal;
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
    return node.arguments[0];
  return undefined;
}

function isTypeImport(node: ts.Node): boolean {
  if (ts.isImportTypeNode(node)) return true;
  if (ts.isExportDeclaration(node)) return node.isTypeOnly;
  if (!ts.isImportDeclaration(node) || node.importClause === undefined) return false;
  const { phaseModifier, name, namedBindings } = node.importClause;
  if (phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  const named = namedBindings !== undefined && ts.isNamedImports(namedBindings) ? namedBindings.elements : [];
  return name === undefined && named.length > 0 && named.every(({ isTypeOnly }) => isTypeOnly);
}

/** Files that import each other in a circle: allowed inside one room, and as long as nothing of it is there at run time. */
export function circlesOf(files: readonly SourceFile[]): string[] {
  const imports = new Map(files.map((file) => [file.path.replace(/\.\w+$/, ''), importsOf(file)]));
  const reach = (from: string, follow: (step: Import) => boolean): Set<string> => {
    const seen = new Set<string>();
    const open = [from];
    for (let at = open.pop(); at !== undefined; at = open.pop())
      for (const step of imports.get(at) ?? [])
        if (imports.has(step.target) && !seen.has(step.target) && follow(step)) {
          seen.add(step.target);
          open.push(step.target);
        }
    return seen;
  };
  const paths = [...imports.keys()];
  const atRunTime = paths
    .filter((path) => reach(path, ({ isType }) => !isType).has(path))
    .map((path) => `${path} imports itself in a circle`);
  const all = new Map(paths.map((path) => [path, reach(path, () => true)]));
  const betweenRooms = paths.flatMap((path) =>
    [...all.get(path)!]
      .filter((other) => posix.dirname(other) !== posix.dirname(path) && all.get(other)!.has(path))
      .map((other) => `${path} and ${other} know each other across rooms`),
  );
  return [...atRunTime, ...betweenRooms];
}
