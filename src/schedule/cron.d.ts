/** What we use of `cron`, the scheduler behind @nestjs/schedule: an optional peer, which is not installed here. */
declare module 'cron' {
  export class CronTime {
    constructor(source: unknown, timeZone?: string | null, utcOffset?: number | null);
    /** It is one date, and not an expression. */
    readonly realDate: boolean;
    readonly source: unknown;
    /** The first scheduled time after `start`. @param timeZone of the expression; default: that of the process */
    getNextDateFrom(start: Date, timeZone?: string): { toMillis(): number };
  }
}
