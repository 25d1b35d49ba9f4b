export { OncePerTick, type OncePerTickOptions } from './once-per-tick.decorator.js';
