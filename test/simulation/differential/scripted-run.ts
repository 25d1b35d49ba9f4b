import { gateKeys } from '../../../lib/stores/redis/redis-keys.js';
import type { ScriptReply } from '../../../lib/stores/redis/redis-link.js';
import { ScriptedServer } from '../scripted-server.js';
import {
  KEYS,
  type Observation,
  type Outcome,
  readable,
  refusal,
  type Run,
  shownSet,
  START_US,
  type Step,
  STEP_US,
} from './step.js';

/** A scripted server that steps happen to. */
export class ScriptedWorld {
  readonly server: ScriptedServer;
  readonly heard: string[] = [];
  readonly #listening = new Set<string>();
  #nowUs = START_US;

  constructor() {
    this.server = new ScriptedServer({
      nowUs: () => this.#nowUs,
      listeners: (channel) => Number(this.#listening.has(channel)),
      publish: (channel, message) => {
        if (this.#listening.has(channel)) this.heard.push(`${channel} ${message}`);
      },
    });
  }

  /** The time that the next script will see. */
  get nowUs(): number {
    return this.#nowUs;
  }

  /** When the leases of those end who hold this lock at its gate, one after the other, ms. */
  ends(stateKey: string): number[] {
    const { redis } = this.server;
    const { holders } = gateKeys(stateKey);
    return redis.type(holders) === 'zset' ? redis.zrange(holders).map(({ score }) => score) : [];
  }

  do(step: Step): Outcome | undefined {
    const { server } = this;
    switch (step.does) {
      case 'script':
        this.#nowUs += STEP_US;
        return this.#run(() => server.run(step.script, step.keys, step.args));
      case 'time':
        this.#nowUs += step.ms * 1_000;
        break;
      case 'listen':
        this.#listening.add(step.channel);
        break;
      case 'leave':
        this.#listening.delete(step.channel);
        break;
      case 'drop':
        server.drop(step.key);
        break;
      case 'wipe':
        server.wipe();
        break;
      case 'disturb':
        return this.#run(() => {
          server.disturb(step.key, step.value, step.score);
          return ['OK'];
        });
      case 'refuse':
        server.refusal = step.refusal;
        break;
    }
    return undefined;
  }

  observe(outcome: Outcome | undefined): Observation {
    const { redis } = this.server;
    const contents = KEYS.map((key) => {
      const pttl = this.server.pttl(key);
      if (redis.type(key) === 'zset') return shownSet(key, redis.zrange(key), pttl);
      return { text: this.server.dump(key) ?? 'none', pttl };
    });
    return { outcome, contents };
  }

  #run(work: () => ScriptReply): Outcome {
    try {
      return readable(work());
    } catch (error) {
      return refusal(error);
    }
  }
}

export function runScripted(steps: readonly Step[]): Run {
  const world = new ScriptedWorld();
  const observations = steps.map((step) => world.observe(world.do(step)));
  return { observations, heard: world.heard };
}
