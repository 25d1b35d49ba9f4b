/** What we use of `bullmq`: an optional peer, which is not installed here. */
declare module 'bullmq' {
  export class DelayedError extends Error {
    constructor(message?: string);
  }
}
