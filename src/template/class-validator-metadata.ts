/**
 * class-validator keeps its decorators in one global storage, so that several copies of it agree; we read it there and do
 * not depend on the package.
 */
interface ValidatorStorage {
  getTargetValidationMetadatas(
    dto: object,
    schema: string,
    always: boolean,
    strictGroups: boolean,
  ): readonly { readonly propertyName: string; readonly name?: string }[];
}

/** Does the property have `@IsUUID()`? Then both cases are one resource, as with ParseUUIDPipe. */
export function isUuidProperty(dto: object, property: string): boolean {
  const storage = (globalThis as { classValidatorMetadataStorage?: ValidatorStorage })
    .classValidatorMetadataStorage;
  const rules = storage?.getTargetValidationMetadatas(dto, '', true, false) ?? [];
  return rules.some((rule) => rule.propertyName === property && rule.name === 'isUuid');
}
