import type { RedisOptions } from 'ioredis';
import { describeKind, keepSecret, LockUsageError } from '../../lock-errors.js';

/** Where a server is, as far as messages and checks need it; options of ioredis, 5 or 6. */
export interface ServerOptions {
  readonly host?: unknown;
  readonly port?: unknown;
  readonly path?: unknown;
  readonly tls?: unknown;
  readonly name?: unknown;
  readonly sentinels?: unknown;
  readonly username?: unknown;
  readonly password?: unknown;
  readonly sentinelUsername?: unknown;
  readonly sentinelPassword?: unknown;
}

const CREDENTIALS = /^(username|password|sentinelUsername|sentinelPassword)$/;

/**
 * What a URL says, as options of ioredis. ioredis never sees the URL itself, and no message is made from it: whatever is wrong with it, a
 * part of it may be a password. Refused is also what would parse, but only because a password was cut at one of its characters.
 *
 * @throws LockUsageError LOCK_OPTIONS_INVALID, without a word of the URL
 */
export function optionsOfUrl(url: unknown): RedisOptions {
  if (typeof url !== 'string') throw badUrl(`must be a text, got ${describeKind(url)}`);
  const [, given, rest = ''] = /^(rediss?|unix):\/\/(.*)$/is.exec(url.trim()) ?? [];
  const scheme = given?.toLowerCase();
  if (scheme === undefined) throw badUrl('must begin with redis://, rediss:// or unix://');
  const parsed = parse(scheme === 'unix' ? withHost(rest) : rest);
  const { username, password, hostname, port, pathname } = parsed;
  const options: RedisOptions = optionsOfQuery(parsed);
  if (username !== '' || password !== '') {
    keepSecrets({ username, password }); // as they stand there
    options.username = decoded(username);
    options.password = decoded(password);
  }
  if (scheme === 'unix') return { ...options, path: decoded(pathname) };
  if (!/^\/?\d*$/.test(pathname))
    throw badUrl(
      'may have nothing but the number of a database behind the host; a / in a password is written %2F',
    );
  if (port === '0') throw badUrl('has a port that is not from 1 to 65535');
  if (scheme === 'rediss') options.tls ??= {};
  if (hostname !== '') options.host = hostname.replaceAll(/[[\]]/g, '');
  if (port !== '') options.port = Number(port);
  if (pathname.length > 1) options.db = Number(pathname.slice(1));
  return options;
}

function parse(rest: string): URL {
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u001F\u007F]/.test(rest)) throw badUrl('has a line break or another control character in it');
  if (rest.includes('#')) throw badUrl('has a # in it, which is written %23');
  try {
    return new URL(`redis://${rest}`);
  } catch {
    // What `new URL` throws has the whole URL in it.
    throw badUrl(
      'is none: user:password@host:port/database is expected behind //, with a port up to 65535, an IPv6 address in [ ], and in a ' +
        'password / written %2F, ? %3F, % %25, @ %40',
    );
  }
}

/** `unix://user:password@/path`: without a host, `new URL` refuses it. */
function withHost(rest: string): string {
  const [, login = '', path] = /^([^/?#]*@)?(\/.*)$/s.exec(rest) ?? [];
  if (path === undefined) throw badUrl('must have three slashes before the path of a socket: unix:///path');
  return `${login}localhost${path}`;
}

/** As in ioredis, what is behind the ? are options, too; what stands before it wins. */
function optionsOfQuery({ search, username, password }: URL): Record<string, unknown> {
  const options: Record<string, unknown> = {};
  for (const pair of search.slice(1).split('&')) {
    if (pair === '') continue;
    const [[name = '', value = ''] = []] = new URLSearchParams(pair);
    const isCredential = CREDENTIALS.test(name);
    if (!/^\w+$/.test(name) || (!isCredential && pair.includes('@'))) {
      throw badUrl(
        'may have nothing but options (name=value) behind ?; in a password ? is written %3F and @ %40',
      );
    }
    const isUser = name === 'username' || name === 'password';
    if (isUser && (username !== '' || password !== '')) throw badUrl('says twice who the user is');
    options[name] = name === 'family' || name === 'db' || name === 'port' ? Number(value) : value;
  }
  return options;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw badUrl('has a % in it that begins no two hex digits; a % in a password is written %25');
  }
}

/** For messages: `redis://host:port`, `rediss://…` or `unix://path`; never who the user is. */
export function shownAddress(options: ServerOptions): string {
  const { host, port, path, tls, sentinels, name } = options;
  if (Array.isArray(sentinels)) return `the Sentinels' primary ${shownText(name, 'name')}`;
  if (typeof path === 'string' && path !== '') return `unix://${shownText(path, 'path')}`;
  const shownHost = shownText(host ?? 'localhost', 'host');
  const inUrl = shownHost.includes(':') ? `[${shownHost}]` : shownHost;
  return `${tls ? 'rediss' : 'redis'}://${inUrl}:${Number(port ?? 6379)}`;
}

/** A URL where only a host or a path belongs has its password in it. */
const NOT_PLAIN = {
  host: /[/?#@=&\s]/,
  name: /[/?#@=&\s]/,
  path: /:\/\/|[?&]|^(?!\/[^/]).*@/s, // an @ may be in it: /run/redis@main/redis.sock
};

function shownText(text: unknown, place: keyof typeof NOT_PLAIN): string {
  return typeof text === 'string' && isPlain(text, place) ? text : '(not shown)';
}

function isPlain(text: unknown, place: keyof typeof NOT_PLAIN): boolean {
  return typeof text !== 'string' || !NOT_PLAIN[place].test(text);
}

/** @throws LockUsageError LOCK_OPTIONS_INVALID: options that cannot be meant */
export function checkServerOptions(options: ServerOptions & { readonly url?: unknown }): void {
  const problem = (text: string) => new LockUsageError('LOCK_OPTIONS_INVALID', `redisStore: ${text}`);
  if (options.url !== undefined) throw problem('options has no "url"; give the URL itself, as `url`');
  for (const key of ['host', 'path'] as const) {
    if (isPlain(options[key], key)) continue;
    throw problem(
      `options.${key} looks like a URL (it is not shown: it may hold a password); give that as \`url\``,
    );
  }
}

/** What no message may show. A user's name alone is often a password at the wrong side of the colon. */
export function keepSecrets(options: ServerOptions): void {
  for (const secret of secretsIn(options)) keepSecret(secret);
}

function secretsIn({
  host,
  path,
  username,
  password,
  sentinelUsername,
  sentinelPassword,
  tls,
}: ServerOptions): string[] {
  const { passphrase } = (tls ?? {}) as { passphrase?: unknown };
  const secrets = [password, sentinelPassword, passphrase];
  if (!password && username !== 'default') secrets.push(username);
  if (!sentinelPassword) secrets.push(sentinelUsername);
  if (!isPlain(host, 'host')) secrets.push(host);
  if (!isPlain(path, 'path')) secrets.push(path);
  return secrets.filter((secret) => secret !== undefined && secret !== null && secret !== '').map(String);
}

function badUrl(problem: string): LockUsageError {
  return new LockUsageError(
    'LOCK_OPTIONS_INVALID',
    `redisStore: url ${problem} (what was given is not shown: it may hold a password)`,
  );
}
