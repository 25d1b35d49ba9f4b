/**
 * Puts each text between its marks, `<!-- cost: name -->` and `<!-- cost: end -->`: so that the page never shows figures that no run
 * has found.
 *
 * @throws when the page has no place for one, or a place for none
 */
export function fillPage(page: string, texts: Readonly<Record<string, string>>): string {
  const missing = new Set(Object.keys(texts));
  const filled = page.replaceAll(/<!-- cost: (?!end)(\S+) -->[^]*?<!-- cost: end -->/g, (_, name: string) => {
    const text = texts[name];
    if (text === undefined) throw new Error(`nothing was measured for the place ${name}`);
    missing.delete(name);
    return `<!-- cost: ${name} -->\n${text}\n<!-- cost: end -->`;
  });
  if (missing.size > 0) throw new Error(`the page has no place for ${[...missing].join(', ')}`);
  return filled;
}
