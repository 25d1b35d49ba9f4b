import { describe, expect, it } from '@jest/globals';
import { OWNER_TOKEN_LENGTH, systemRandomness } from '../../lib/runtime/owner-token.js';

describe('owner tokens', () => {
  it('are 22 base64url characters, 128 bits, and never the same twice, over the edge of the pool too', () => {
    const tokens = Array.from({ length: 2_000 }, () => systemRandomness.ownerToken());
    expect(tokens.every((token) => /^[\w-]{22}$/.test(token) && token.length === OWNER_TOKEN_LENGTH)).toBe(
      true,
    );
    expect(new Set(tokens).size).toBe(2_000);
    // Not only different: each bit of the 128 is sometimes 0 and sometimes 1.
    const bytes = tokens.map((token) => Buffer.from(token, 'base64url'));
    const overlaps = bytes.filter((token, i) => i > 0 && token[0] === bytes[i - 1]?.[15]).length;
    expect(overlaps).toBeLessThan(100); // 8 by chance
    for (let bit = 0; bit < 128; bit++) {
      const ones = bytes.filter((token) => ((token[bit >> 3] ?? 0) >> (bit & 7)) & 1).length;
      expect(ones).toBeGreaterThan(600);
      expect(ones).toBeLessThan(1_400);
    }
  });

  it('share no bytes with the jitter that is drawn between them', () => {
    const fractions = Array.from({ length: 1_000 }, () => {
      systemRandomness.ownerToken();
      return systemRandomness.fraction();
    });
    expect(new Set(fractions).size).toBeGreaterThan(990);
    expect(fractions.every((fraction) => fraction >= 0 && fraction < 1)).toBe(true);
  });
});
