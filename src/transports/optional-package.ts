const loaded = new Map<string, Promise<unknown>>();

/**
 * A package that an application has only if it uses the transport: loaded when the first call of that transport fails, never before, and
 * then once.
 *
 * @param name as a variable, so that no bundler looks for what is not installed
 * @returns undefined where it cannot be found from here
 */
export async function optionalPackage<Exports>(name: string): Promise<Exports | undefined> {
  let exports = loaded.get(name);
  if (exports === undefined) loaded.set(name, (exports = import(name)));
  try {
    return (await exports) as Exports;
  } catch {
    loaded.delete(name); // whatever it was may pass
    return undefined;
  }
}
