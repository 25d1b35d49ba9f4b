import 'reflect-metadata';
import { describe, expect, it } from '@jest/globals';

import { ERRORS, errorOf, WARNINGS, warningsOf } from '../support/startup-cases.js';
import { isAsPrinted, MESSAGES } from '../support/startup-messages.js';

describe('the start of an application', () => {
  it.each(ERRORS)('stops, and says why: $cause', async (mistake) => {
    const message = await errorOf(mistake);
    expect({ message, asPrinted: isAsPrinted(mistake.cause, message) }).toMatchObject({ asPrinted: true });
  });

  it.each(WARNINGS)('warns, and says of what: $cause', async (mistake) => {
    expect(await warningsOf(mistake)).toEqual([MESSAGES[mistake.cause]]);
  });
});
