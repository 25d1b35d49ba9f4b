const FROM = '<!-- bench: begin -->';
const TO = '<!-- bench: end -->';

/** So that the page never shows figures that no run has found. */
export function replaceBetweenMarks(page: string, text: string): string {
  const [from, to] = [page.indexOf(FROM), page.indexOf(TO)];
  if (from === -1 || to < from) throw new Error(`README.md has lost its marks ${FROM} … ${TO}`);
  return `${page.slice(0, from + FROM.length)}\n${text}\n${page.slice(to)}`;
}
