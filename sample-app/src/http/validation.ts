import { ValidationPipe, type ValidationError } from '@nestjs/common';
import { Problem } from './problem.js';

/**
 * What ids may look like. Short and plain, because they become part of URLs, of keys and of lock names. (The lock module
 * encodes whatever it is given; this is so that a typing mistake is a 400 and not a new user.)
 */
export const ID_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
export const ID_MESSAGE = '$property must be 1 to 64 letters, digits and . _ - (a letter or digit first)';

export function validationPipe(): ValidationPipe {
  return new ValidationPipe({
    transform: true,
    whitelist: true,
    forbidNonWhitelisted: true,
    exceptionFactory: (errors) => new Problem(400, 'REQUEST_INVALID', sentences(errors).join('; ')),
  });
}

function sentences(errors: readonly ValidationError[]): string[] {
  return errors.flatMap((error) => [
    ...Object.values(error.constraints ?? {}),
    ...sentences(error.children ?? []),
  ]);
}
