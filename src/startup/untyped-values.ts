import type { Logger } from '@nestjs/common';

const SHOWN = 10;

/**
 * Said once for each application and never an error: most of these values may be texts, where there is only one spelling, and
 * nobody but the author knows.
 *
 * @param places `OrdersController.pay <id>`
 */
export function warnOfUntypedValues(logger: Logger, places: readonly string[]): void {
  if (places.length === 0) return;
  const more = places.length > SHOWN ? ` and ${places.length - SHOWN} more` : '';
  logger.warn(
    'the build records no types of parameters (esbuild, tsx, or swc without decoratorMetadata), so @Locked cannot see which of these values are numbers: ' +
      `${places.slice(0, SHOWN).join(', ')}${more}. If one is, "5" and "05" are two locks for it: give it a pipe (@Param('id', ParseIntPipe)) or a formatter (<id:int>), ` +
      "or emit decorator metadata. If it is text, nothing is wrong; @Reflect.metadata('design:paramtypes', [String]) on the method says so",
  );
}
