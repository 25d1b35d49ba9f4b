import ts from 'typescript';

import { lineOf, nodesOf, placeOf, type SourceFile } from './source-files.js';

/** A rule gives one sentence per violation, beginning with the place. */
export type Rule = (file: SourceFile) => string[];

const MAX_FILE_LINES = 250;
const MAX_FUNCTION_LINES = 70;
const MAX_PARAMETERS = 3;

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
