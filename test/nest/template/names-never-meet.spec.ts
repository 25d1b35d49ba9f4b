import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { plain } from './locked-method.js';

class Service {
  work(...values: unknown[]): unknown {
    return values;
  }
}

const values = fc.oneof(
  fc.string({ unit: 'binary', minLength: 1, maxLength: 8 }).filter((text) => text.isWellFormed()),
  fc.constantFrom(
    'a',
    'a:b',
    ':',
    '/',
    '%',
    '%3A',
    '{',
    '}',
    '*',
    '<',
    '>',
    '-',
    'a-',
    '-a',
    '.',
    '..',
    ' ',
    'null',
    'undefined',
  ),
  fc.maxSafeInteger(),
  fc.bigInt(),
  fc.boolean(),
);
/** Literals as people write them, and worse; never without a separator between two placeholders. */
const literal = fc.string({
  unit: fc.constantFrom(':', '/', 'a', '-', '.', '%', '3', 'A', '{', '}'),
  maxLength: 4,
});
const separated = literal.filter((text) => /[:/{}]/.test(text));

function templateOf(literals: readonly string[]): string {
  return literals.map((text, index) => (index === 0 ? text : `<${index - 1}>${text}`)).join('');
}

function nameOf(literals: readonly string[], tuple: readonly unknown[]): string {
  return plain(Service, 'work', templateOf(literals)).fromArguments(tuple)[0] ?? '';
}

const sameText = (a: unknown, b: unknown) => String(a).normalize('NFC') === String(b).normalize('NFC');

describe('names made from a template', () => {
  it('are equal only for equal values, whatever the values contain', () => {
    const twoTuples = fc.integer({ min: 1, max: 3 }).chain((count) =>
      fc.record({
        first: literal,
        between: fc.array(separated, { minLength: count - 1, maxLength: count - 1 }),
        last: literal,
        a: fc.array(values, { minLength: count, maxLength: count }),
        b: fc.array(values, { minLength: count, maxLength: count }),
      }),
    );
    fc.assert(
      fc.property(twoTuples, ({ first, between, last, a, b }) => {
        const literals = [first, ...between, last];
        const isSame = a.every((value, index) => sameText(value, b[index]));
        expect(nameOf(literals, a) === nameOf(literals, b)).toBe(isSame);
      }),
      { numRuns: 3_000 },
    );
  });

  it('never meet names of a template with other separators: a value cannot write one', () => {
    const separatorsOf = (literals: readonly string[]) =>
      literals.join('').replaceAll(/[A-Za-z0-9._~%-]/g, '');
    const oneName = fc.tuple(literal, separated, literal, values, values);
    fc.assert(
      fc.property(oneName, oneName, ([a, b, c, ...tuple], [d, e, f, ...others]) => {
        const [mine, theirs] = [nameOf([a, b, c], tuple), nameOf([d, e, f], others)];
        expect(separatorsOf([mine])).toBe(separatorsOf([a, b, c]));
        const mayMeet = separatorsOf([a, b, c]) === separatorsOf([d, e, f]);
        expect(mine !== theirs || mayMeet).toBe(true);
      }),
      { numRuns: 3_000 },
    );
  });

  it('are one name for the two Unicode spellings of a text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 10 }), (text) => {
        expect(nameOf(['x:', ''], [text.normalize('NFD')])).toBe(nameOf(['x:', ''], [text.normalize('NFC')]));
      }),
    );
  });
});
