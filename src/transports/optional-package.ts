/**
 * A package that an application has only if it uses the transport: loaded when the first call of that transport fails, never before.
 *
 * @param name as a variable, so that no bundler looks for what is not installed
 * @returns undefined where it cannot be found from here
 */
export async function optionalPackage<Exports>(name: string): Promise<Exports | undefined> {
  try {
    return (await import(name)) as Exports;
  } catch {
    return undefined;
  }
}
