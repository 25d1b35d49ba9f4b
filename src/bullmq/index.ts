export { delayWhenBusy, type DelayableJob, type DelayWhenBusyOptions } from './delay-when-busy.js';
