import type { Workplace } from './caller.js';
import type { SeededRandom } from './seeded-random.js';

const HIGHEST_LIMIT = 6;

/** Somebody who ends holders by force, and sets limits. */
export class Operator {
  constructor(
    private readonly place: Workplace,
    private readonly random: SeededRandom,
  ) {}

  /** All holders of the name, or whoever got the last token that is known. */
  async force(name: string): Promise<void> {
    const { node, recorder, kinds } = this.place;
    const record = (type: 'invoke' | 'ok' | 'info') =>
      recorder.record(node.process, { f: 'force', type, name });
    const fencingToken = recorder.tokens.get(name);
    const isOne = kinds.size > 0 && this.random.chance(0.6) && fencingToken !== undefined;
    record('invoke');
    await node.locks.forceRelease(name, 'an operator', isOne ? { fencingToken } : {}).then(
      () => record('ok'),
      () => record('info'),
    );
  }

  /** Now and then. */
  async setLimit(name: string): Promise<void> {
    const { random } = this;
    const { recorder, node, kinds } = this.place;
    if (typeof kinds.get(name) !== 'number' || !random.chance(0.08)) return;
    const limit = random.chance(0.3) ? null : random.integer(1, HIGHEST_LIMIT);
    const record = (type: 'invoke' | 'ok' | 'info') =>
      recorder.record(node.process, { f: 'limit', type, name, limit });
    record('invoke');
    await node.locks.setLimit(name, limit).then(
      () => record('ok'),
      () => record('info'),
    );
  }
}
