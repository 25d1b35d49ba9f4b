import { describe, expect, it } from '@jest/globals';
import { GATE_BUGS } from './gate-bugs.js';
import { type GateCase, GateExplorer, type Party } from './model/gate-interleavings.js';

const writer: Party = { mode: 'x', acts: ['ask', 'release'] };
const reader: Party = { mode: 's', acts: ['ask', 'release'] };
const upgrader: Party = { mode: 'u', acts: ['ask', 'upgrade', 'release'] };
const doubter: Party = { mode: 'u', acts: ['ask', 'upgrade', 'giveUp', 'release'] };
const descender: Party = { mode: 'x', acts: ['ask', 'downgrade', 'release'] };
const permit = (weight: number): Party => ({ mode: 'l', weight, acts: ['ask', 'release'] });
const below = (mode: 'i' | 'I'): Party => ({ mode, acts: ['ask', 'release'] });

const CASES: Readonly<Record<string, GateCase>> = {
  'two readers and two writers': { parties: [reader, writer, reader, writer], cancels: 1 },
  'a reader, a writer, an upgrade': { parties: [reader, writer, upgrader], ticks: 1, cancels: 1 },
  'two who want to upgrade, and a reader': { parties: [upgrader, upgrader, reader], repeats: 1, cancels: 1 },
  'an upgrade that is given up': { parties: [doubter, reader, writer], ticks: 1, cancels: 1 },
  'a writer who goes down among readers': { parties: [descender, reader, writer], ticks: 1, repeats: 1 },
  'permits of different weights': {
    parties: [permit(1), permit(2), permit(1), writer],
    limit: 2,
    cancels: 1,
  },
  'permits whose lease runs out': { parties: [permit(1), permit(2), writer], limit: 2, ticks: 2, repeats: 1 },
  'who holds it for what is below': { parties: [below('i'), below('I'), reader, writer], cancels: 1 },
  'nobody is pushed to': { parties: [reader, writer, upgrader], deaf: true, ticks: 2, cancels: 1 },
};

describe('in every order in which a few clients meet at a gate, every law holds and everybody is served', () => {
  it.each(Object.entries(CASES))('%s', (_name, it) => {
    const { violation, states, ends } = new GateExplorer(it).explore();
    expect(violation).toBeUndefined();
    expect(ends).toBeGreaterThan(10);
    expect(states).toBeGreaterThan(500);
  });
});

/** In which small case it is found. Only a longer story than these shows the others: seeded-bugs.spec.ts. */
describe('a bug that is put into the scripts is found in one of them', () => {
  it.each(GATE_BUGS.map((bug) => [bug.name, bug] as const))('%s', (_name, { scripts }) => {
    const found = Object.values(CASES).map((it) => new GateExplorer(it, scripts).explore().violation?.law);
    expect(found.filter((law) => law !== undefined)).not.toEqual([]);
  });
});
