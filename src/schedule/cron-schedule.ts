import { CronTime } from 'cron';
import { describeValue, LockUsageError } from '../../lib/index.js';
import { lastScheduledMs } from './scheduled-time.js';

/** Where @nestjs/schedule notes what its decorators were given. */
const CRON = 'SCHEDULE_CRON_OPTIONS';
const OTHERS = { '@Interval': 'SCHEDULE_INTERVAL_OPTIONS', '@Timeout': 'SCHEDULE_TIMEOUT_OPTIONS' } as const;

/** What `@Cron` was given. */
interface CronOptions {
  readonly cronTime: unknown;
  readonly timeZone?: string | null;
  readonly utcOffset?: number | null;
}

/** When a method of `@Cron` is to run. */
export interface CronSchedule {
  /** The scheduled time of a job that starts now, in ms since 1970. @throws LockUsageError when it is not one of the last days */
  scheduledMs(nowMs: number): number;
}

/**
 * @param place `Reports.nightly`, for messages
 * @throws LockUsageError LOCK_OPTIONS_INVALID when the method has no `@Cron`, or one that says nothing
 */
export function cronScheduleOf(method: object | undefined, place: string): CronSchedule {
  const options = metadataOf<CronOptions>(method, CRON);
  if (options === undefined) throw noCron(method, place);
  const { timeZone, utcOffset } = options;
  const time = cronTimeOf(options, place);
  const zone = utcOffset == null ? (timeZone ?? undefined) : zoneOf(utcOffset);
  const next = (afterMs: number): number => {
    if (!time.realDate) return time.getNextDateFrom(new Date(afterMs), zone).toMillis();
    const onlyMs = Number(time.source); // a Date or a luxon DateTime
    return onlyMs > afterMs ? onlyMs : Infinity;
  };
  return {
    scheduledMs: (nowMs) => {
      const found = lastScheduledMs(next, nowMs);
      if (found !== undefined) return found;
      const problem = `no scheduled time of ${describeValue(options.cronTime)} in the last days`;
      throw usage(place, `${problem}: it was called by hand; give what it does a method of its own`);
    },
  };
}

function cronTimeOf({ cronTime, timeZone, utcOffset }: CronOptions, place: string): CronTime {
  try {
    return new CronTime(cronTime, timeZone, utcOffset);
  } catch (error) {
    const message = `@OncePerTick on ${place}: @Cron(${describeValue(cronTime)}) is not understood`;
    throw new LockUsageError('LOCK_OPTIONS_INVALID', message, { cause: error });
  }
}

function noCron(method: object | undefined, place: string): LockUsageError {
  for (const [decorator, key] of Object.entries(OTHERS)) {
    if (metadataOf(method, key) === undefined) continue;
    const problem = `${decorator} counts from the start of each instance, so no two of them have the same ticks`;
    return usage(
      place,
      `${problem}; write @Cron with an expression, as '*/10 * * * * *' for every ten seconds`,
    );
  }
  return usage(
    place,
    'there is no @Cron on the method, whose scheduled times it needs; add one, or use @Locked',
  );
}

/** A decorator may have put a function of its own over ours: metadata is found through the chain of prototypes. */
function metadataOf<T>(method: object | undefined, key: string): T | undefined {
  return method === undefined ? undefined : (Reflect.getMetadata(key, method) as T | undefined);
}

/** As `cron` names it. @param utcOffset in minutes */
function zoneOf(utcOffset: number): string {
  const minutes = Math.abs(utcOffset);
  const two = (part: number) => String(part).padStart(2, '0');
  return `UTC${utcOffset < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

function usage(place: string, problem: string): LockUsageError {
  return new LockUsageError('LOCK_OPTIONS_INVALID', `@OncePerTick on ${place}: ${problem}`);
}
