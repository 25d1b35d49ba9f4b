export { LockHealthIndicator, type LockHealth, type LockHealthOptions } from './lock-health.indicator.js';
