import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** A source text that rules of structure can look at; from the checkout, or made up by a test. */
export interface SourceFile {
  /** From the root of the checkout, with forward slashes: `lib/holding/lease.ts`. */
  readonly path: string;
  readonly text: string;
  readonly tree: ts.SourceFile;
}

export function sourceFile(path: string, text: string): SourceFile {
  return { path, text, tree: ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true) };
}

/** All our TypeScript and JavaScript below `folders`; generated files are their generator's business. */
export function sourceFiles(...folders: string[]): SourceFile[] {
  return folders
    .flatMap((folder) => listFiles(folder))
    .filter((path) => /\.(ts|mts|mjs)$/.test(path) && !path.includes('.generated.'))
    .map((path) => sourceFile(path, readFileSync(join(ROOT, path), 'utf8')));
}

function listFiles(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes('node_modules'))
    .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length).replaceAll('\\', '/'))
    .toSorted();
}

/** Every node of the tree, parents before children. */
export function* nodesOf(node: ts.Node): Generator<ts.Node> {
  yield node;
  // `getChildren` would include tokens and comments of JSDoc; these are the nodes of the grammar.
  const children: ts.Node[] = [];
  ts.forEachChild(node, (child) => void children.push(child));
  for (const child of children) yield* nodesOf(child);
}

/** `lib/holding/lease.ts:12` */
export function placeOf(file: SourceFile, node: ts.Node): string {
  return `${file.path}:${lineOf(file, node.getStart(file.tree))}`;
}

export function lineOf(file: SourceFile, position: number): number {
  return file.tree.getLineAndCharacterOfPosition(position).line + 1;
}
