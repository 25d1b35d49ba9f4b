import type { RuleId } from '../support/history/check-history.js';
import { gateScripts } from './scripted-gate/gate-scripts.js';
import { ScriptedGate } from './scripted-gate/scripted-gate.js';
import { SCRIPTED, type Scripts } from './scripted-scripts.js';

/** A mistake that one could make in the scripts of the general gate, and the rules of which it breaks one. */
export interface GateBug {
  readonly name: string;
  readonly breaks: readonly RuleId[];
  readonly scripts: Scripts;
  /** Where the search begins: some mistakes show once in a thousand schedules. */
  readonly fromSeed: number;
}

const bug = (name: string, breaks: readonly RuleId[], Work: typeof ScriptedGate): GateBug => ({
  name,
  breaks,
  scripts: { ...SCRIPTED, ...gateScripts(Work) },
  fromSeed: 1,
});

type Fits = Parameters<ScriptedGate['fits']>;

export const GATE_BUGS: readonly GateBug[] = [
  bug(
    'a writer does not wait for readers',
    ['M1'],
    class extends ScriptedGate {
      override fits(...[mode, ...others]: Fits): boolean {
        return mode === 'x' ? !this.gate.x : super.fits(mode, ...others);
      }
    },
  ),
  bug(
    'readers do not wait for a writer',
    ['M1'],
    class extends ScriptedGate {
      override fits(...[mode, ...others]: Fits): boolean {
        return mode === 's' || super.fits(mode, ...others);
      }
    },
  ),
  bug(
    'several upgradeable holders at once',
    ['M1'],
    class extends ScriptedGate {
      override fits(...[mode, ...others]: Fits): boolean {
        return super.fits(mode === 'u' ? 's' : mode, ...others);
      }
    },
  ),
  bug(
    'an upgrade does not wait for other readers',
    ['M1'],
    class extends ScriptedGate {
      override fits(...[mode, ...others]: Fits): boolean {
        return mode === 'U' || super.fits(mode, ...others);
      }
    },
  ),
  bug(
    'one permit more than the limit',
    ['M1'],
    class extends ScriptedGate {
      override fits(...[mode, weight, limit = this.gate.limit]: Fits): boolean {
        return super.fits(mode, weight, limit + 1);
      }
    },
  ),
  bug(
    'the permits of whoever leaves are forgotten',
    ['L1', 'E1'],
    class extends ScriptedGate {
      override count(...[hold, by]: Parameters<ScriptedGate['count']>): void {
        super.count(by < 0 && hold.mode === 'l' ? { ...hold, weight: 0 } : hold, by);
      }
    },
  ),
  bug(
    'an upgrade keeps its token',
    ['M2', 'M3', 'M5'],
    class extends ScriptedGate {
      override raise(...[token, hold]: Parameters<ScriptedGate['raise']>): void {
        const { fence } = hold;
        super.raise(token, hold);
        hold.fence = fence;
        this.writeRecord(token, hold);
      }
    },
  ),
  bug(
    'those who are let in get the token of the last one',
    ['M2'],
    class extends ScriptedGate {
      override nextFence(): string {
        return this.gate.fence;
      }
    },
  ),
  bug(
    'nobody is let in when somebody leaves',
    ['L1', 'E1', 'F1'],
    class extends ScriptedGate {
      override letIn(self?: string): void {
        if (self !== undefined) super.letIn(self);
        else this.gate.changed = true;
      }
    },
  ),
  {
    ...bug(
      'a holder whose lease has run out stays',
      ['L1', 'E1', 'L2', 'M4'],
      class extends ScriptedGate {
        override purge(): boolean {
          const nobody = this.redis.zrange(this.keys.holders).length === 0;
          return nobody && super.purge();
        }
      },
    ),
    fromSeed: 3_700,
  },
  bug(
    'readers pass a writer who waits',
    ['F1'],
    class extends ScriptedGate {
      override atGate(
        ...[told, work]: Parameters<ScriptedGate['atGate']>
      ): ReturnType<ScriptedGate['atGate']> {
        return super.atGate(told, () => {
          this.gate.isWaitedFor = false;
          return work();
        });
      }
      override save(keepMs: number): void {
        delete this.gate.isWaitedFor;
        super.save(keepMs);
      }
    },
  ),
];
