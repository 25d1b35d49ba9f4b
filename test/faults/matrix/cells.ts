import { clockCells } from './clock-cells.js';
import { connectionCells } from './connection-cells.js';
import type { FaultCell } from './fault-cell.js';
import { nestCells } from './nest-cells.js';
import { processCells } from './process-cells.js';
import { serverCells } from './server-cells.js';

/** The fault matrix for one Redis: the rows of docs/evidence.md, in their order. */
export const CELLS: readonly FaultCell[] = [
  ...connectionCells,
  ...serverCells,
  ...processCells,
  ...clockCells,
  ...nestCells,
].toSorted((a, b) => a.row - b.row);
