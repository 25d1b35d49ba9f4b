/** Run by `node --test`: the contract suite needs no Jest, and `node:test` fails a case that leaves an unhandled rejection. */
import { describe, it } from 'node:test';
import { storeContract } from '../../lib/testing/index.js';
import { memoryPlace } from './memory-place.js';

storeContract({ name: 'memory', runner: { describe, it }, open: async () => memoryPlace() });
