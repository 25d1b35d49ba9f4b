import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { ERRORS, WARNINGS } from '../ecosystem/support/startup-cases.js';
import { MESSAGES } from '../ecosystem/support/startup-messages.js';
import { ROOT } from '../support/source-files.js';

/** That they are printed so is shown on both Nests: test/ecosystem/specs/startup-messages.spec.ts. */
it('docs/startup.md has every message that the start of an application is tested for', () => {
  const page = readFileSync(join(ROOT, 'docs/startup.md'), 'utf8');
  const rows = [...page.matchAll(/^- (?<cause>.+):\n\n {2}> (?<message>.+)$/gm)].map(({ groups }) => [
    groups!['cause'],
    groups!['message'],
  ]);
  expect(Object.fromEntries(rows)).toEqual(MESSAGES);
  expect([...ERRORS, ...WARNINGS].map(({ cause }) => cause)).toEqual(Object.keys(MESSAGES));
});
