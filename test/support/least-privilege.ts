import { readFileSync } from 'node:fs';

const PAGE = new URL('../../docs/stores/redis.md', import.meta.url);

/**
 * The rights that docs/stores/redis.md tells a reader to give, as arguments of ACL SETUSER behind the password, for `prefix` in
 * place of `lock`. Read from the page, so that what we promise there is what the tests run with.
 *
 * @param keyPrefix what the client puts before each key
 */
export function leastPrivilege(prefix = 'lock', keyPrefix = ''): string[] {
  const page = readFileSync(PAGE, 'utf8');
  const command = /^ACL SETUSER locker on >… ([^`]+)^```/m.exec(page)?.[1];
  if (command === undefined) throw new Error('docs/stores/redis.md no longer has its ACL SETUSER line');
  return command
    .trim()
    .split(/\s+/)
    .map((right) => right.replace(/^~lock:/, `~${keyPrefix}${prefix}:`).replace(/^&lock:/, `&${prefix}:`));
}

/** What that page tells to give besides, for shared, upgradeable and limited locks. */
export function gateRights(): string[] {
  const command = /^ACL SETUSER locker (\+[^`]+)^```/m.exec(readFileSync(PAGE, 'utf8'))?.[1];
  if (command === undefined)
    throw new Error('docs/stores/redis.md no longer has its second ACL SETUSER line');
  return command.trim().split(/\s+/);
}
