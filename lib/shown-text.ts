/** Every password that this process was given, in each form in which somebody else's text may show it. */
const SECRETS = new Set<string>();

/** One or two characters are in every text: without them it could not be read, and they would be known by what is missing. */
const SHORTEST_SECRET = 3;

/** From now on it is in no text of another's that we repeat: what a server or a client says may hold what it was told. */
export function keepSecret(secret: string): void {
  if (secret.length < SHORTEST_SECRET) return;
  SECRETS.add(secret);
  SECRETS.add(JSON.stringify(secret).slice(1, -1));
  SECRETS.add(encodeURIComponent(secret.toWellFormed()));
}

/** Without the passwords that we know of, nor what looks like one: `redis://user:secret@host` → `redis://***@host`. */
export function redactPasswords(text: string): string {
  let safe = text;
  for (const secret of [...SECRETS].toSorted((a, b) => b.length - a.length))
    safe = safe.replaceAll(secret, '***');
  return redactUrls(safe);
}

/** Without what stands before the @ of a URL, nor its parameters that are called password. */
export function redactUrls(text: string): string {
  return text.replaceAll(/\/\/\S*@/g, '//***@').replaceAll(/([?&]\w*password=)[^&\s]*/gi, '$1***');
}

/** What kind of value it is, for where a URL belongs: its text is never repeated. */
export function describeKind(value: unknown): string {
  if (typeof value === 'string') return 'a text (not shown: it may hold a password)';
  return describeValue(value);
}

/** How a received value is shown in a usage error: short, with its kind, never with its whole content. */
export function describeValue(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object') return 'an object';
  return `a ${typeof value}`;
}
