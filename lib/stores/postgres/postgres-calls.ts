import type { PostgresStatement } from './postgres-driver.js';

/** The functions of the schema, and the types of their arguments; see sql/. */
const ARGUMENTS = {
  hello_v1: [],
  enter_v1: [],
  raise_v1: ['bigint'],
  acquire_v1: ['text[]', 'text[]', 'bigint[]', 'boolean[]', 'bigint[]', 'bigint[]', 'text[]', 'int'],
  release_v1: ['text[]', 'text[]', 'bigint[]', 'bigint[]', 'bigint'],
  yield_v1: ['text[]', 'text[]', 'bigint[]', 'bigint[]', 'bigint[]', 'text[]', 'bigint[]', 'text[]', 'int'],
  renew_v1: ['text[]', 'text[]', 'bigint[]', 'bigint[]', 'bigint[]', 'text[]', 'boolean[]'],
  force_v1: ['text', 'bigint', 'text', 'bigint'],
  inspect_v1: ['text'],
  forget_v1: ['text[]'],
  sweep_v1: ['int'],
} as const;

export type FunctionName = keyof typeof ARGUMENTS;

const texts = new Map<string, string>();

/** Every value is sent as text, and becomes what it is at the server: so no driver has to know the types. */
export function statementOf(
  schema: string,
  {
    name,
    values,
    isPrepared,
  }: { name: FunctionName; values: readonly (string | null)[]; isPrepared: boolean },
): PostgresStatement {
  const key = `${schema}.${name}`;
  let text = texts.get(key);
  if (text === undefined) {
    const args = ARGUMENTS[name].map((type, at) =>
      type === 'text' ? `$${at + 1}::text` : `$${at + 1}::text::${type}`,
    );
    text = `SELECT ${key}(${args.join(', ')})`;
    texts.set(key, text);
  }
  return { text, values, name: isPrepared ? `lock_${name}` : undefined };
}

/** One field of many requests, as an array of PostgreSQL. */
export function arrayText(values: readonly (string | number | boolean)[]): string {
  return `{${values.map((value) => (typeof value === 'string' ? quoted(value) : String(value))).join(',')}}`;
}

function quoted(text: string): string {
  return /["\\]/.test(text) ? `"${text.replaceAll(/["\\]/g, '\\$&')}"` : `"${text}"`;
}

/** PostgreSQL has no NUL in a text. Names have none; labels and reasons are for people. */
export function withoutNul(text: string): string {
  return text.includes('\0') ? text.replaceAll('\0', '') : text;
}
