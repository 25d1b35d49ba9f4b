import { type DynamicModule, Module } from '@nestjs/common';
import type { SampleConfig } from '../config.js';
import { MemoryState } from './memory-state.js';
import { RedisState } from './redis-state.js';
import { SlowState } from './slow-state.js';
import { State } from './state.js';

@Module({})
export class StateModule {
  static register(config: SampleConfig): DynamicModule {
    return {
      module: StateModule,
      global: true,
      providers: [{ provide: State, useFactory: () => createState(config) }],
      exports: [State],
    };
  }
}

function createState({ redisUrl, prefix, latencyMs, unlocked }: SampleConfig): State {
  const options = { acceptUnfenced: unlocked.size > 0 };
  const state =
    redisUrl === undefined ? new MemoryState(options) : new RedisState(redisUrl, { ...options, prefix });
  return latencyMs === 0 ? state : new SlowState(state, latencyMs);
}
