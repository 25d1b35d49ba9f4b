import assert from 'node:assert/strict';
import type { ContractCases } from './contract-bench.js';

export const unsupportedCases: ContractCases = {
  'a kind of lock that the store does not have is LOCK_STORE_UNSUPPORTED at the call, and nothing is locked':
    async (bench) => {
      const locks = bench.manager();
      const kinds = [
        [{ mode: 'shared' }, await bench.offers(({ capabilities }) => capabilities.modes.includes('shared'))],
        [
          { mode: 'upgradeable' },
          await bench.offers(({ capabilities }) => capabilities.modes.includes('upgradeable')),
        ],
        [
          { layers: true },
          await bench.offers(({ capabilities }) => capabilities.modes.includes('intention-exclusive')),
        ],
        [{ limit: 2 }, await bench.offers(({ capabilities }) => capabilities.limits === true)],
        [{ minHoldMs: 100 }, await bench.offers(({ capabilities }) => capabilities.minHold === true)],
      ] as const;
      for (const [options, offered] of kinds) {
        if (offered) continue;
        const { code } = await bench.failure(locks.acquire('group:1', options));
        assert.equal(code, 'LOCK_STORE_UNSUPPORTED', JSON.stringify(options));
      }
      assert.equal(await bench.drive(locks.isLocked('group:1')), false);
    },
};
