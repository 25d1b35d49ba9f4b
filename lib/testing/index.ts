export type {
  ContractPlace,
  ContractRunner,
  OutsideProbe,
  StoreContractOptions,
} from './contract/contract-types.js';
export { FaultProxy, type ArmedFault, type ConnectionFault, type FaultProxyMode } from './fault-proxy.js';
export { ManualClock } from './manual-clock.js';
export { storeContract } from './store-contract.js';
