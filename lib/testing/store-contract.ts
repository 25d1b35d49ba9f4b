import { badInputCases } from './contract/bad-input-cases.js';
import { closingCases } from './contract/closing-cases.js';
import { ContractBench, type ContractCases, where } from './contract/contract-bench.js';
import type { ContractPlace, StoreContractOptions } from './contract/contract-types.js';
import { exclusionCases } from './contract/exclusion-cases.js';
import { fencingCases } from './contract/fencing-cases.js';
import { forceCases } from './contract/force-cases.js';
import { fullCases } from './contract/full-cases.js';
import { leaseEndCases } from './contract/lease-end-cases.js';
import { leastTimeCases } from './contract/least-time-cases.js';
import { limitCases } from './contract/limit-cases.js';
import { layersCases } from './contract/layers-cases.js';
import { lossCases } from './contract/loss-cases.js';
import { outsideCases } from './contract/outside-cases.js';
import { reentryCases } from './contract/reentry-cases.js';
import { repeatCases } from './contract/repeat-cases.js';
import { sentCases } from './contract/sent-cases.js';
import { severalNamesCases } from './contract/several-names-cases.js';
import { sharedCases } from './contract/shared-cases.js';
import { unsupportedCases } from './contract/unsupported-cases.js';
import { waitingCases } from './contract/waiting-cases.js';
import { yieldCases } from './contract/yield-cases.js';
import { yieldEndCases } from './contract/yield-end-cases.js';

const SECTIONS: Record<string, ContractCases> = {
  exclusion: exclusionCases,
  'waiting and order': waitingCases,
  'how many may wait': fullCases,
  'the end of a slice (a store without yieldOrKeep has nothing to show here)': where(
    (store) => store.yieldOrKeep !== undefined,
    { ...yieldCases, ...yieldEndCases },
  ),
  'the end of a lease': leaseEndCases,
  'a least time (a store without minHold has nothing to show here)': where(
    ({ capabilities }) => capabilities.minHold === true,
    leastTimeCases,
  ),
  'a release that is on its way': sentCases,
  're-entry': reentryCases,
  'shared and upgradeable (a store that is only exclusive has nothing to show here)': where(
    ({ capabilities }) => capabilities.modes.includes('shared'),
    sharedCases,
  ),
  'limits (a store without them has nothing to show here)': where(
    ({ capabilities }) => capabilities.limits === true,
    limitCases,
  ),
  'layers (a store without them has nothing to show here)': where(
    ({ capabilities }) => capabilities.modes.includes('intention-exclusive'),
    layersCases,
  ),
  'what a store cannot do': unsupportedCases,
  'operations executed twice': repeatCases,
  'several names together': severalNamesCases,
  'fencing tokens': fencingCases,
  'release by force, inspection': forceCases,
  'a lock that is lost': lossCases,
  'bad input': badInputCases,
  closing: closingCases,
};

/**
 * What every store must do, as tests: at the level of the port and, through a LockManager, as a caller sees it. Run it in
 * the tests of a store of your own:
 *
 * ```ts
 * storeContract({ name: 'mine', runner: { describe, it }, open: async () => ({ … }) });
 * ```
 */
export function storeContract<P extends ContractPlace>(options: StoreContractOptions<P>): void {
  const { describe, it } = options.runner;
  const sections = { ...SECTIONS, ...(options.outside && { 'seen from outside': outsideCases }) };
  describe(`the contract of a store: ${options.name}`, () => {
    for (const [section, cases] of Object.entries(sections)) {
      describe(section, () => {
        for (const [title, run] of Object.entries(cases)) it(title, () => runCase(options, run));
      });
    }
  });
}

async function runCase<P extends ContractPlace>(
  options: StoreContractOptions<P>,
  run: (bench: ContractBench) => Promise<void>,
): Promise<void> {
  const place = await options.open();
  const bench = new ContractBench(place, options.outside?.(place), options.leaseMs);
  try {
    await run(bench);
  } finally {
    await bench.close();
  }
}
