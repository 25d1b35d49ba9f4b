import { describe, expect, it } from '@jest/globals';
import { readConfig } from '../../sample-app/src/config.js';

describe('the configuration of the sample app', () => {
  it('needs no variable at all: port 3000, in memory, every story locked', () => {
    expect(readConfig({})).toEqual({
      port: 3000,
      redisUrl: undefined,
      prefix: 'sample',
      latencyMs: 2,
      unlocked: new Set(),
    });
  });

  it('reads the stories that run without their lock from a list', () => {
    expect(readConfig({ UNLOCKED: 'groups, messages' }).unlocked).toEqual(new Set(['groups', 'messages']));
  });

  it('refuses a story that it does not know, and says which there are', () => {
    expect(() => readConfig({ UNLOCKED: 'group' })).toThrow(/presence, groups, messages.*got "group"/);
  });

  it('refuses to run unlocked in production', () => {
    expect(() => readConfig({ UNLOCKED: 'groups', NODE_ENV: 'production' })).toThrow(/NODE_ENV=production/);
  });

  it.each([['x'], ['-1'], ['65536'], ['1.5']])('refuses PORT=%s', (PORT) => {
    expect(() => readConfig({ PORT })).toThrow(/PORT must be an integer from 0 to 65535/);
  });
});
