import { createRequire } from 'node:module';
import { join } from 'node:path';

/**
 * What class-transformer's decorators say about one property of a DTO. The package is not a dependency of ours: whoever
 * decorates a property with `@Transform` or `@Type` has loaded it, so we look at the storage of the copies that are loaded.
 * A copy that a bundler has merged into one file cannot be seen; then only the declared type counts.
 */
export interface PropertyTransform {
  /** `@Transform`, or `@Expose({ name })` which reads another field: we cannot tell what the handler will see. */
  readonly custom: boolean;
  /** `@Type(() => Number)`. `typeOf` is undefined where the type depends on the value (a discriminator, an argument). */
  readonly type: { readonly typeOf: (() => unknown) | undefined } | undefined;
}

/** class-transformer's `TransformationType`. */
export const PLAIN_TO_CLASS = 0;
export const CLASS_TO_PLAIN = 1;

export function propertyTransform(dto: object, property: string, direction: number): PropertyTransform {
  let custom = false;
  let type: PropertyTransform['type'];
  for (const storage of loadedStorages()) {
    const exposed = storage.findExposeMetadata(dto, property);
    const renamed =
      exposed?.options?.name !== undefined ||
      storage.findExposeMetadataByCustomName(dto, property) !== undefined;
    custom ||= renamed || storage.findTransformMetadatas(dto, property, direction).length > 0;
    const declared = storage.findTypeMetadata(dto, property);
    if (declared !== undefined) type ??= { typeOf: fixedType(declared) };
  }
  return { custom, type };
}

function fixedType({ typeFunction, reflectedType, options }: TypeMetadata): (() => unknown) | undefined {
  if (options?.discriminator !== undefined) return undefined;
  if (typeFunction === undefined) return () => reflectedType;
  // A type function with a parameter looks at the object, which does not exist yet.
  return typeFunction.length === 0 ? () => typeFunction() : undefined;
}

interface TypeMetadata {
  readonly typeFunction?: () => unknown;
  readonly reflectedType?: unknown;
  readonly options?: { readonly discriminator?: unknown };
}

interface ExposeMetadata {
  readonly options?: { readonly name?: string };
}

interface TransformStorage {
  findTransformMetadatas(target: object, property: string, direction: number): readonly unknown[];
  findTypeMetadata(target: object, property: string): TypeMetadata | undefined;
  findExposeMetadata(target: object, property: string): ExposeMetadata | undefined;
  findExposeMetadataByCustomName(target: object, name: string): ExposeMetadata | undefined;
}

const STORAGE_FILE = /class-transformer[/\\]cjs[/\\]storage\.js$/;

function loadedStorages(): TransformStorage[] {
  // One cache for the whole process, whichever file the require function was made for.
  const { cache } = createRequire(join(process.cwd(), 'package.json'));
  return Object.keys(cache)
    .filter((file) => STORAGE_FILE.test(file))
    .map(
      (file) =>
        (cache[file]?.exports as { defaultMetadataStorage?: TransformStorage } | undefined)
          ?.defaultMetadataStorage,
    )
    .filter((storage) => storage !== undefined);
}
