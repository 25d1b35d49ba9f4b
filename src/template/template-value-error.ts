import { LockUsageError } from '../../lib/index.js';

/**
 * A placeholder of `@Locked` has no usable value in this call. `code` is always LOCK_TEMPLATE_UNRESOLVED; `clientFault`
 * says whose mistake it is, because over HTTP the first is a 400 and the second a 500.
 */
export class TemplateValueError extends LockUsageError {
  override readonly name = 'TemplateValueError';
  /** true: the client left the value out or sent an unusable one. false: our own code did. */
  readonly clientFault: boolean;
  /** As written: `<groupId>`. What a client may be told; the message names classes. */
  readonly placeholder: string | undefined;

  constructor(
    message: string,
    clientFault: boolean,
    more: { readonly placeholder?: string; readonly cause?: unknown } = {},
  ) {
    super('LOCK_TEMPLATE_UNRESOLVED', message, { cause: more.cause });
    this.clientFault = clientFault;
    this.placeholder = more.placeholder;
  }
}
