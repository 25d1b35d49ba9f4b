import { expect, it } from 'vitest';

import { EXPECTED, story } from './story.js';

it('an application locks its routes and services, tested with Vitest', async () => {
  expect(await story()).toEqual(EXPECTED);
});
