import { LockUsageError } from '../../lib/index.js';
import type { LockedSpec } from '../locked-spec.js';
import { parseTemplate } from '../template/lock-template.js';

/** One template of `@Locked`, for messages. */
interface Use {
  readonly text: string;
  readonly place: string;
}

/**
 * Which roots of names (`group:<>` of `group:<groupId>/message:<id>`) are used with layers, and which without. One who does not say `layers`
 * sees only the very name: it would lock a group while others hold its messages, and nobody would notice.
 */
export class LayeredRoots {
  readonly #uses = { with: new Map<string, Use>(), without: new Map<string, Use>() };

  /** @throws LockUsageError when a root of this lock service is used in both ways */
  add({ names, place, serviceName }: LockedSpec, layers: boolean): void {
    if (typeof names === 'function') return; // its names are not known before the call
    for (const text of typeof names === 'string' ? [names] : names) {
      const root = rootOf(text, place);
      const key = `${serviceName}\0${root}`;
      const use = { text, place };
      this.#uses[layers ? 'with' : 'without'].set(key, use);
      const other = this.#uses[layers ? 'without' : 'with'].get(key);
      if (other === undefined) continue;
      const [layered, plain] = layers ? [use, other] : [other, use];
      const message = `@Locked('${plain.text}') on ${plain.place} has no layers, and @Locked('${layered.text}') on ${layered.place} has: under one root ("${root}") the first would not see the locks of the second; give all of them layers: true, or set it for the module`;
      throw new LockUsageError('LOCK_OPTIONS_INVALID', message);
    }
  }
}

/** What stands before the first `/`, whatever its values are called. */
function rootOf(text: string, place: string): string {
  let root = '';
  for (const part of parseTemplate(text, place).parts) {
    const literal = typeof part === 'string' ? part : '<>';
    const end = literal.indexOf('/');
    if (end >= 0) return root + literal.slice(0, end);
    root += literal;
  }
  return root;
}
