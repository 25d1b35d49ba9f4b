import { copySymbol, takeBrands } from '../../lib/index.js';
import type { Refusal } from './transport.js';

/** What we put into the form of a transport, by that form. Of the process: a filter may be of another copy of this package. */
const ORIGINAL = copySymbol('original');

const READABLE = ['code', 'retryable', 'retryAfterMs', 'lockName', 'result', 'reason'] as const;

/**
 * Makes an error of Nest stand for ours. To everything that knows Nest it is that error, with a public text and nothing else to print; to
 * everything that knows us it is still a LockBusyError: `instanceof`, `@Catch(LockError)` and its fields work, and `cause` is the error itself.
 */
export function inFormOf<Form extends Error>(form: Form, error: Refusal): Form {
  takeBrands(form, error);
  const hidden = (value: unknown) => ({ value, enumerable: false, configurable: true, writable: true });
  Object.defineProperty(form, ORIGINAL, hidden(error));
  Object.defineProperty(form, 'cause', hidden(error));
  for (const field of READABLE) {
    if (field in error && !(field in form))
      Object.defineProperty(form, field, hidden((error as unknown as Record<string, unknown>)[field]));
  }
  return form;
}

/** Our own error behind such a form; the error itself when it is none. */
export function originalOf(error: Refusal): Refusal {
  return (error as unknown as Record<symbol, Refusal | undefined>)[ORIGINAL] ?? error;
}
