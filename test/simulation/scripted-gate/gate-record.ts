import { digits, fenceOf, lineageOf } from '../scripted-includes.js';

/** What a script works on: includes/gate.lua. */
export interface Gate {
  fence: string;
  /** As it was before this script. */
  found?: string;
  lineage: string;
  family: string;
  limit: number;
  used: number;
  is: number;
  ix: number;
  u: boolean;
  x: boolean;
  /** There was no gate: nobody holds it. */
  isFresh?: boolean;
  changed?: boolean;
  isLonger?: boolean;
  isOdd?: boolean;
  isWaitedFor?: boolean;
  first?: string | undefined;
  firstEnds?: number | undefined;
  lastEnds?: number | undefined;
  longestLeft?: number;
}

export interface GateHold {
  fence: string;
  readonly granted: string;
  mode: string;
  readonly weight: number;
  readonly tail: string;
  left: number;
}

export interface GateRequest {
  readonly token: string;
  readonly mode: string;
  readonly weight: number;
  readonly tail: string;
}

/** string.format('%010d', number), of less than nothing too: a state that another program wrote may count wrongly. */
export const tenDigits = (number: number) =>
  number < 0 ? `-${String(-number).padStart(9, '0')}` : String(number).padStart(10, '0');

/** Nobody holds it, nobody waits. gate-open.lua: new_gate */
export function newGate(state: string | undefined, us: number): Gate {
  return {
    fence: state === undefined ? digits(us - 1) : fenceOf(state),
    lineage: state === undefined ? digits(us) : lineageOf(state),
    family: '-',
    limit: 0,
    used: 0,
    is: 0,
    ix: 0,
    u: false,
    x: false,
  };
}

/** undefined: not a state of format 2 */
export function parseGate(state: string): Gate | undefined {
  const family = /^v2:\d+([-rl])\d+$/.exec(state)?.[1];
  if (Buffer.byteLength(state) !== 78 || family === undefined) return undefined;
  const number = (from: number) => Number(state.slice(from - 1, from + 9));
  return {
    fence: state.slice(3, 19),
    found: state.slice(3, 19),
    lineage: state.slice(19, 35),
    family,
    limit: number(37),
    used: number(47),
    is: number(57),
    ix: number(67),
    u: state[76] === '1',
    x: state[77] === '1',
  };
}

export function gateText({ fence, lineage, family, limit, used, is, ix, u, x }: Gate): string {
  const counts = [limit, used, is, ix].map(tenDigits).join('');
  return `v2:${fence}${lineage}${family}${counts}${u ? '1' : '0'}${x ? '1' : '0'}`;
}

export function parseRecord(record: string): GateHold {
  return {
    fence: record.slice(0, 16),
    granted: record.slice(16, 32),
    mode: record.slice(32, 33),
    weight: Number(record.slice(33, 43)),
    tail: record.slice(43),
    left: 0,
  };
}

export function recordText({ fence, granted, mode, weight, tail }: Omit<GateHold, 'left'>): string {
  return fence + granted + mode + tenDigits(weight) + tail;
}

/** An upgrade's place in the queue. */
export const upgradeMember = (token: string, tail: string) => `${token}0000000000U0000000001${tail}`;
