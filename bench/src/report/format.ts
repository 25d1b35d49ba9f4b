import type { AdapterId } from '../adapters/index.js';

export interface Library {
  readonly id: AdapterId;
  readonly label: string;
  readonly version: string;
  readonly setUp: string;
}

/** 12 345.68: a gap between thousands, as in our other pages. */
export function formatNumber(value: number, digits: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: digits }).replaceAll(',', ' ');
}
