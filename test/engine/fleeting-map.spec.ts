import { describe, expect, it } from '@jest/globals';
import { FleetingMap } from '../../lib/runtime/fleeting-map.js';

describe('a map of what comes and goes', () => {
  it('keeps what stays, however much else has gone, and in its order', () => {
    const map = new FleetingMap<number, string>();
    const stay: string[] = [];
    for (let at = 0; at < 5_000; at++) {
      map.set(at, `n${at}`);
      if (at % 500 === 7) stay.push(`n${at}`);
      else expect(map.delete(at)).toBe(true);
    }
    expect(map.values()).toEqual(stay);
    expect(map.size).toBe(10);
    expect(map.get(7)).toBe('n7');
    expect(map.has(8)).toBe(false);
    expect(map.delete(8)).toBe(false);
  });

  it('gives a copy of its values, which lets them be deleted one by one', () => {
    const map = new FleetingMap<number, number>();
    for (let at = 0; at < 2_000; at++) map.set(at, at);
    for (const value of map.values()) map.delete(value);
    expect(map.size).toBe(0);
  });
});
