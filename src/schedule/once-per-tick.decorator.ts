import 'reflect-metadata';
import { type AcquireOptions, describeValue, lockName, LockUsageError } from '../../lib/index.js';
import { Locked } from '../decorators/locked.decorator.js';
import { noteOnKeyFunction } from '../template/key-function-notes.js';
import { type CronSchedule, cronScheduleOf } from './cron-schedule.js';

/** Options of one `@OncePerTick`. */
export interface OncePerTickOptions extends Pick<AcquireOptions, 'label' | 'maxHoldMs'> {
  /**
   * How long it stays known that a tick has run, in ms from its start; 1 000 to 86 400 000 (1 day); default 60 000. Longer than the clocks of
   * the instances differ, and than a job may start late.
   */
  rememberMs?: number;
  /** The lock service to use, as named in `forRoot({ name })`; default: the default one. */
  service?: string;
}

const OPTIONS: readonly string[] = ['rememberMs', 'label', 'maxHoldMs', 'service'];
const SHORTEST_MS = 1_000;
const LONGEST_MS = 86_400_000;

/**
 * Together with `@Cron`: each tick runs on one instance, however many there are. It locks the scheduled time itself, found from the cron
 * expression and its time zone by the clock of each instance, so periods may be shorter than the clocks differ.
 *
 * At most once per tick: a crash in the job loses that tick. It is no lock of the job: a run that is longer than the period goes on beside the
 * next one, unless its method calls another one with `@Locked(…, { onBusy: 'skip' })`. Instances that did not get a tick send the event `refused`
 * with reason `skipped`, and their call resolves to undefined. Called by hand the method runs only if the last tick has not.
 *
 * @param job its name, the same on all instances, and of no other job; 1 to 200 characters
 * @throws LockUsageError when the class is defined, for a wrong option; when the application starts, for a method without `@Cron`, and for
 *   `@Interval` and `@Timeout`, whose ticks no two instances share
 */
export function OncePerTick(job: string, options: OncePerTickOptions = {}) {
  return <T extends (...args: never[]) => unknown>(
    target: object,
    methodName: string | symbol,
    descriptor: TypedPropertyDescriptor<T>,
  ): void => {
    const targetClass = typeof target === 'function' ? target : target.constructor;
    const place = `${targetClass.name}.${String(methodName)}`;
    const { rememberMs = 60_000, ...others } = checked(job, options, place);
    const methodOf = (holder: object) => (holder as Record<string | symbol, object | undefined>)[methodName];
    let schedule: CronSchedule | undefined;
    const nameOfTick = () => {
      schedule ??= cronScheduleOf(methodOf(target), place);
      return lockName`tick:${job}:${textOf(schedule.scheduledMs(Date.now()))}`;
    };
    noteOnKeyFunction(nameOfTick, {
      template: `tick:${job}:<time>`,
      checkAtStart: (startedClass) => {
        cronScheduleOf(methodOf(typeof target === 'function' ? startedClass : startedClass.prototype), place);
      },
    });
    const times = { leaseMs: rememberMs, minHoldMs: rememberMs };
    const locked = Locked(nameOfTick, { ...others, ...times, onBusy: 'skip' }) as MethodDecorator;
    locked(target, methodName, descriptor);
  };
}

/** In UTC, to the second: 20261129T030000Z. */
function textOf(ms: number): string {
  return new Date(ms).toISOString().replaceAll(/[-:]|\.\d+/g, '');
}

function checked(job: unknown, options: OncePerTickOptions, place: string): OncePerTickOptions {
  const wrong = (problem: string) =>
    new LockUsageError('LOCK_OPTIONS_INVALID', `@OncePerTick on ${place}: ${problem}`);
  if (typeof job !== 'string' || job.trim() === '' || job.length > 200)
    throw wrong(
      `the first argument must be the name of the job, 1 to 200 characters, got ${describeValue(job)}`,
    );
  if (typeof options !== 'object' || options === null)
    throw wrong(`options must be an object, got ${describeValue(options)}`);
  const unknown = Object.entries(options).find(
    ([key, value]) => value !== undefined && !OPTIONS.includes(key),
  );
  if (unknown !== undefined)
    throw wrong(`option "${unknown[0]}" is not known here; known: ${OPTIONS.join(', ')}`);
  const { rememberMs } = options;
  const isTime = Number.isInteger(rememberMs) && rememberMs! >= SHORTEST_MS && rememberMs! <= LONGEST_MS;
  if (rememberMs !== undefined && !isTime)
    throw wrong(
      `rememberMs must be an integer from ${SHORTEST_MS} to ${LONGEST_MS} ms, got ${describeValue(rememberMs)}`,
    );
  return options;
}
