import { expect, it } from '@jest/globals';

import { EXPECTED, story } from './story.js';

it('an application locks its routes and services, tested with Jest', async () => {
  expect(await story()).toEqual(EXPECTED);
});
