import { plainLine } from '../search/plain-text.ts';

/** Every ASCII character that can mean something in Markdown or HTML. */
const MEANINGFUL = /[!-/:-@[-`{-~]/g;
/** Those that mean something nowhere inside a line of text or a table cell of ours. */
const HARMLESS: ReadonlySet<string> = new Set([',', '.', '/', '-', '+', '%', '=', '?', ';', "'", '"', '$']);
const MAX_TEXT = 300;

/**
 * Foreign text as Markdown that shows it and means nothing: on one line, every sign escaped, without control and direction characters.
 * Names of hosts are broken, so that no renderer makes a link of them. At most 300 characters.
 */
export function markdownText(text: string): string {
  const line = plainLine(text).replaceAll('\r', '\ufffd');
  const short = line.length > MAX_TEXT ? `${line.slice(0, MAX_TEXT).toWellFormed()}…` : line;
  const escaped = short.replace(MEANINGFUL, (sign) => (HARMLESS.has(sign) ? sign : `&#${sign.charCodeAt(0)};`));
  return escaped.replace(/www\./gi, (word) => `${word.slice(0, 3)}&#46;`);
}

/** A table; the cells are Markdown already. Nothing when it has no rows. */
export function table(titles: readonly string[], rows: readonly (readonly (string | number)[])[]): string[] {
  if (rows.length === 0) return [];
  const line = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`;
  return [line(titles), line(titles.map(() => '---')), ...rows.map(line), ''];
}
