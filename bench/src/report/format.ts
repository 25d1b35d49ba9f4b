import type { AdapterId } from '../adapters/index.js';

export interface Library {
  readonly id: AdapterId;
  readonly label: string;
  readonly version: string;
  readonly setUp: string;
}

/** 345.68, 12 345: a gap between thousands, as in our other pages, and no more digits than tell something. */
export function formatNumber(value: number, digits: number): string {
  if (Number.isNaN(value)) return '–';
  return value
    .toLocaleString('en-US', { maximumFractionDigits: Math.abs(value) >= 1_000 ? 0 : digits })
    .replaceAll(',', ' ');
}
