export type {
  ContractPlace,
  ContractRunner,
  OutsideProbe,
  StoreContractOptions,
} from './contract/contract-types.js';
export { ManualClock } from './manual-clock.js';
export { storeContract } from './store-contract.js';
