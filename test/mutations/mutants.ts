import { callerMutants } from './caller-mutants.js';
import { cohortMutants } from './cohort-mutants.js';
import { engineMutants } from './engine-mutants.js';
import { gateMutants } from './gate-mutants.js';
import { holdTimeMutants } from './hold-time-mutants.js';
import { kindsMutants } from './kinds-mutants.js';
import { layersMutants } from './layers-mutants.js';
import { leaseMutants } from './lease-mutants.js';
import type { Mutant } from './mutant.js';
import { nestMutants } from './nest-mutants.js';
import { nestOptionMutants } from './nest-option-mutants.js';
import { postgresMutants } from './postgres-mutants.js';
import { redisBatchMutants } from './redis-batch-mutants.js';
import { redisClientMutants } from './redis-client-mutants.js';
import { redisConnectionMutants } from './redis-connection-mutants.js';
import { redisPatienceMutants } from './redis-patience-mutants.js';
import { redisPlaceMutants } from './redis-place-mutants.js';
import { redisScriptMutants } from './redis-script-mutants.js';
import { reentryMutants } from './reentry-mutants.js';
import { refusedMutants } from './refused-mutants.js';
import { sentMutants } from './sent-mutants.js';
import { severalNamesMutants } from './several-names-mutants.js';
import { testingMutants } from './testing-mutants.js';
import { templateMutants } from './template-mutants.js';
import { transportMutants } from './transport-mutants.js';

export const MUTANTS: readonly Mutant[] = [
  ...redisPlaceMutants,
  ...redisScriptMutants,
  ...redisClientMutants,
  ...redisConnectionMutants,
  ...redisBatchMutants,
  ...redisPatienceMutants,
  ...gateMutants,
  ...postgresMutants,
  ...engineMutants,
  ...callerMutants,
  ...leaseMutants,
  ...cohortMutants,
  ...sentMutants,
  ...reentryMutants,
  ...kindsMutants,
  ...severalNamesMutants,
  ...layersMutants,
  ...holdTimeMutants,
  ...refusedMutants,
  ...nestMutants,
  ...nestOptionMutants,
  ...templateMutants,
  ...testingMutants,
  ...transportMutants,
];
