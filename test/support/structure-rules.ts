import { posix } from 'node:path';
import ts from 'typescript';

import { lineOf, nodesOf, placeOf, type SourceFile } from './source-files.js';

/** A rule gives one sentence per violation, beginning with the place. */
export type Rule = (file: SourceFile) => string[];

const MAX_FILE_LINES = 250;
const MAX_FUNCTION_LINES = 70;
const MAX_PARAMETERS = 3;

/** In `npm:` packages; everything else is a path from the root of the checkout, without its suffix. */
const ANY_PACKAGE = /^npm:/;
const PLAIN_PACKAGE = /^npm:(?!@nestjs\/|rxjs$|rxjs\/|reflect-metadata$)/;
const PORT = /^lib\/stores\/lock-store$/;
const ERRORS = /^lib\/lock-errors$/;
/** The root of the engine: errors, events, options, names. */
const WORDS = /^lib\/(?!index$|lock-manager$)[^/]+$/;
/** What every store has: batching, polls, bounds, undo. */
const MECHANICS = /^lib\/stores\/mechanics\//;
const RUNTIME = /^lib\/runtime\//;

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
  { files: /^lib\/stores\//, may: [PLAIN_PACKAGE, ERRORS, RUNTIME] }, // the port
  { files: /^lib\/index\.ts$/, may: [/^lib\/(?!testing\/)/] },
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
  { files: /^src\//, may: [ANY_PACKAGE, /^src\//, /^lib\/index$/] },
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

/** A longer file says why in its first line: `// over budget: …`. */
export const fileLength: Rule = (file) => {
  const lines = file.text.trimEnd().split('\n');
  if (lines.length <= MAX_FILE_LINES || /over budget: \S/.test(lines[0]!)) return [];
  return [
    `${file.path} has ${lines.length} lines, the budget is ${MAX_FILE_LINES}; split it or say why in line 1`,
  ];
};

export const functionLength: Rule = (file) =>
  functionsOf(file).flatMap((fn) => {
    const start = lineOf(file, fn.getStart(file.tree));
    const lines = lineOf(file, fn.end) - start + 1;
    return lines <= MAX_FUNCTION_LINES
      ? []
      : [`${file.path}:${start} is a function of ${lines} lines, at most ${MAX_FUNCTION_LINES}`];
  });

/** Of what has a body: a type may describe somebody else's. Nest's container, not people, calls decorated constructors. */
export const parameterCount: Rule = (file) =>
  functionsOf(file).flatMap((fn) => {
    const calledByNest =
      ts.isConstructorDeclaration(fn) && ts.isClassDeclaration(fn.parent) && isDecorated(fn.parent);
    const positional = fn.parameters.filter(
      (parameter) => !parameter.dotDotDotToken && parameter.name.getText() !== 'this',
    );
    if (calledByNest || positional.length <= MAX_PARAMETERS) return [];
    return [
      `${placeOf(file, fn)} has ${positional.length} positional parameters, at most ${MAX_PARAMETERS}; take an options object`,
    ];
  });

function functionsOf(file: SourceFile): ts.FunctionLikeDeclaration[] {
  return [...nodesOf(file.tree)].filter(
    (node): node is ts.FunctionLikeDeclaration =>
      ts.isFunctionLike(node) && 'body' in node && node.body !== undefined,
  );
}

function isDecorated(node: ts.ClassDeclaration): boolean {
  return (ts.getDecorators(node) ?? []).length > 0;
}

export const noAny: Rule = (file) =>
  where(file, (node) => node.kind === ts.SyntaxKind.AnyKeyword).map((place) => `${place} uses the type any`);

export const noDefaultExport: Rule = (file) =>
  where(
    file,
    (node) =>
      ts.isExportAssignment(node) ||
      (node.kind === ts.SyntaxKind.DefaultKeyword && ts.canHaveModifiers(node.parent)) ||
      (ts.isExportSpecifier(node) && node.name.text === 'default'),
  ).map((place) => `${place} has a default export; give it a name`);

export const noConsole: Rule = (file) =>
  where(file, (node) => ts.isPropertyAccessExpression(node) && node.expression.getText() === 'console').map(
    (place) => `${place} writes to the console`,
  );

const CLOCKS_AND_DICE =
  /^(globalThis\.)?(Date\.now|performance\.now|process\.(hrtime|uptime)|AbortSignal\.timeout|Math\.random)$/;
const TIMERS_AND_DICE = /^(set(Timeout|Interval|Immediate)|random(Bytes|UUID|Int)|getRandomValues)$/;

/** Time and chance come in through `Clock` and `Randomness`; only their system implementations touch the real ones. */
export const noHiddenClock: Rule = (file) =>
  where(file, (node) => {
    if (ts.isPropertyAccessExpression(node)) {
      return CLOCKS_AND_DICE.test(node.getText());
    }
    if (ts.isNewExpression(node)) return node.expression.getText() === 'Date' && !node.arguments?.length;
    if (ts.isCallExpression(node) && node.expression.getText() === 'Date') return true;
    return ts.isIdentifier(node) && TIMERS_AND_DICE.test(node.text);
  }).map((place) => `${place} uses a clock, a timer or chance directly; take Clock or Randomness`);

const UNCLEAR_WORDS = /[tT]imeout|[eE]xpiry|[dD]uration|((^ttl|Ttl|TTL)(?![a-z]))/;

/** In what callers see: members of types and classes, parameters, functions. A foreign option in a literal is not ours. */
export const clearWords: Rule = (file) =>
  where(file, (node) => {
    const named =
      ts.isPropertySignature(node) ||
      ts.isMethodSignature(node) ||
      ts.isPropertyDeclaration(node) ||
      ts.isMethodDeclaration(node) ||
      ts.isParameter(node) ||
      ts.isFunctionDeclaration(node);
    return named && node.name !== undefined && UNCLEAR_WORDS.test(node.name.getText());
  }).map(
    (place) => `${place} uses a word that means several things: say lease, wait, deadline, remaining, …`,
  );

const TIMES =
  /^(lease|wait|delay|interval|deadline|elapsed|seconds)$|(Lease|Wait|Delay|Interval|Deadline|Elapsed|Seconds|Millis)$/;

export const timesEndInMs: Rule = (file) =>
  where(
    file,
    (node) =>
      (ts.isPropertySignature(node) || ts.isPropertyDeclaration(node) || ts.isParameter(node)) &&
      node.type?.kind === ts.SyntaxKind.NumberKeyword &&
      TIMES.test(node.name.getText()),
  ).map((place) => `${place} is a time in a number: its name ends in Ms`);

export const noTestLeftOut: Rule = (file) =>
  where(file, (node) => {
    if (ts.isPropertyAccessExpression(node)) {
      return /^(it|test|describe)\b.*\.(only|skip|todo|failing)$/.test(node.getText());
    }
    return ts.isCallExpression(node) && /^[fx](it|test|describe)$/.test(node.expression.getText());
  }).map((place) => `${place} leaves tests out`);

function where(file: SourceFile, matches: (node: ts.Node) => boolean): string[] {
  return [...nodesOf(file.tree)].filter(matches).map((node) => placeOf(file, node));
}
