import { describe, expect, it } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { applyEdit } from './mutations/mutant.js';
import { MUTANTS } from './mutations/mutants.js';
import { ROOT } from './support/source-files.js';

const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');

/** Whether tests turn red without a protection is `npm run test:mutations`; here, only that each of them can be switched off. */
describe('the mutation gate', () => {
  it.each(MUTANTS)('finds the protection to switch off, exactly once: $name', ({ edits, suites }) => {
    const mutated = new Map<string, string>();
    for (const edit of edits) {
      const text = mutated.get(edit.file) ?? read(edit.file);
      mutated.set(edit.file, applyEdit(text, edit));
    }
    for (const [file, text] of mutated) expect(text).not.toBe(read(file));
    for (const { spec } of suites) expect([spec, existsSync(join(ROOT, spec))]).toEqual([spec, true]);
  });

  it('says so when a protection is not there, or is there twice', () => {
    const edit = { file: 'lib/a.ts', find: 'if (owner)', put: 'if (true)' };
    expect(applyEdit('if (owner) end();', edit)).toBe('if (true) end();');
    expect(() => applyEdit('end();', edit)).toThrow(/lib\/a\.ts has this 0 times .*moved/s);
    expect(() => applyEdit('if (owner) a(); if (owner) b();', edit)).toThrow(/2 times/);
  });

  it('gives each mutation a name of its own', () => {
    expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
  });
});
