import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, it } from 'node:test';

import { SectionWitness } from '../src/child/section-witness.js';
import { Spans } from '../src/child/spans.js';
import {
  BrokenLockError,
  errorOf,
  kindOf as failedKindOf,
  outcomeOf,
  UnableError,
} from '../src/run/outcome.js';
import { checkAlone, checkNoOverlap, mostAtOnce, visitInOrder } from '../src/run/overlaps.js';

const spans = (...times: number[]): Float64Array => Float64Array.from(times);

describe('overlaps', () => {
  it('sections of two processes that are open together are found', () => {
    assert.throws(() => checkNoOverlap([spans(0, 10, 30, 40), spans(9, 20)]), BrokenLockError);
  });

  it('a section inside another is found, and one that a long one covers after a short one', () => {
    assert.throws(() => checkNoOverlap([spans(0, 100), spans(10, 20)]), BrokenLockError);
    assert.throws(() => checkNoOverlap([spans(0, 100), spans(10, 20), spans(50, 60)]), /2 times in 3/);
  });

  it('sections of one process that are open together are found', () => {
    assert.throws(() => checkNoOverlap([spans(0, 10, 5, 15)]), BrokenLockError);
  });

  it('sections that touch are fine', () => {
    checkNoOverlap([spans(0, 10, 20, 30), spans(10, 20), spans()]);
  });

  it('are visited in the order in which they began', () => {
    const seen: number[] = [];
    visitInOrder([spans(5, 6, 7, 8), spans(1, 2, 9, 10), spans(3, 4)], (_, enterNs) => seen.push(enterNs));
    assert.deepEqual(seen, [1, 3, 5, 7, 9]);
  });

  it('more sections than there was room for are kept', () => {
    const kept = new Spans();
    for (let section = 0; section < 200_000; section++) kept.add(section, section + 0.5);
    assert.equal(kept.count, 200_000);
    const times = kept.take();
    assert.deepEqual(times.subarray(2, 4), Float64Array.of(1, 1.5));
    assert.deepEqual(times.subarray(-2), Float64Array.of(199_999, 199_999.5));
  });
});

describe('sections that may be open together', () => {
  it('are counted at the moment when most of them are open, in whatever order they lie', () => {
    assert.equal(mostAtOnce([spans(5, 6, 0, 10), spans(30, 40, 5.5, 8)]), 3);
    assert.equal(mostAtOnce([spans(0, 10), spans(10, 20), spans()]), 1);
    assert.equal(mostAtOnce([]), 0);
  });

  it('may meet each other, but not one that must be alone, whichever of the two came first', () => {
    checkAlone([spans(20, 30)], [spans(5, 15, 0, 20), spans(30, 40, 1, 2)]);
    assert.throws(() => checkAlone([spans(20, 30)], [spans(0, 21)]), BrokenLockError);
    assert.throws(() => checkAlone([spans(20, 30)], [spans(29, 31)]), BrokenLockError);
    assert.throws(() => checkAlone([spans(0, 100)], [spans(10, 20), spans(50, 60)]), /2 times in 3/);
  });

  it('that must be alone do not meet each other either, also those of one process', () => {
    assert.throws(() => checkAlone([spans(0, 10), spans(9, 20)], []), BrokenLockError);
    assert.throws(() => checkAlone([spans(5, 15, 0, 20)], []), BrokenLockError);
  });
});

describe('a witness of sections', () => {
  it('sees two inside at once, and the update that gets lost', async () => {
    const witness = new SectionWitness();
    await Promise.all([witness.section(() => sleep(2)), witness.section(() => sleep(1))]);
    assert.throws(() => witness.check(), /two holders at once 1 times in 2 sections, 1 updates lost/);
  });

  it('is content with sections one after the other', async () => {
    const witness = new SectionWitness();
    for (let section = 0; section < 3; section++) await witness.section(() => sleep(1));
    witness.check();
    assert.equal(witness.done, 3);
  });
});

describe('an outcome', () => {
  it('tells a broken lock from one that failed and from one that does no such thing', async () => {
    const kindOf = async (error: Error): Promise<string> => {
      const failing = async (): Promise<never> => {
        throw error;
      };
      return (await outcomeOf(failing)).kind;
    };
    const kinds = [];
    for (const error of [new BrokenLockError('b'), new Error('f'), new UnableError('u')]) {
      kinds.push(await kindOf(error));
    }
    assert.deepEqual(kinds, ['broken', 'failed', 'unable']);
  });

  it('of another process is of the same kind here', () => {
    for (const kind of ['broken', 'failed', 'unable'] as const) {
      assert.equal(failedKindOf(errorOf(kind, 'why')), kind);
      assert.equal(errorOf(kind, 'why').message, 'why');
    }
  });
});
