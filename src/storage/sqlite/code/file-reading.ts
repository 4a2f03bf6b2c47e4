import type { OutlineSymbol, ReadAnswer, ReadRequest, ReadText } from '../../../domains/code/search/code-index.ts';
import { lineCount, lineSpan } from '../../../domains/code/search/lines.ts';
import { plainLine, plainText } from '../../../domains/code/search/plain-text.ts';
import type { GenerationReader, IndexedFile } from './generation-reader.ts';
import { SYMBOL_OF_FILE } from './segment-schema.ts';
import { fileFactor, type SearchWork } from './search-work.ts';
import { searchSymbols } from './symbol-search.ts';
import { matchSymbol, SYMBOL_COLUMNS, type SymbolRow, symbolRow } from './symbol-rows.ts';

export const READ_LIMITS = { lines: 2_000, bytes: 200 * 1024, symbols: 2_000 } as const;
const MAX_NEAR = 5;
const MAX_SAME_NAME = 500;

/** Lines of a file, the body of a definition, or what a file defines. */
export function readIndexed(work: SearchWork, request: ReadRequest): ReadAnswer {
  if (request.what === 'symbol') return readSymbol(work, request);
  const file = work.reader.fileShownAs(request.path);
  if (file === undefined) return { found: 'nothing', near: nearPaths(work, request.path) };
  return request.what === 'outline' ? outline(work, file) : readLines(work.reader, file, request);
}

function readLines(reader: GenerationReader, file: IndexedFile, range: { readonly from: number; readonly to?: number }): ReadText {
  const { text: content, starts } = reader.content(file);
  const lines = lineCount(starts);
  const from = Math.min(range.from, lines);
  const wanted = Math.max(from, Math.min(range.to ?? lines, lines));
  const allowed = Math.min(wanted, from + READ_LIMITS.lines - 1);
  let text = '';
  let bytes = 0;
  let to = from - 1;
  while (to < allowed) {
    const [start, end] = lineSpan(content, starts, to + 1);
    const line = content.slice(start, Math.min(end, start + READ_LIMITS.bytes));
    bytes += Buffer.byteLength(line) + 1;
    if (bytes > READ_LIMITS.bytes && to >= from) break;
    text += to < from ? line : `\n${line}`;
    to += 1;
    if (bytes > READ_LIMITS.bytes) break;
  }
  const cut = to < wanted || bytes > READ_LIMITS.bytes;
  return { found: 'text', path: plainLine(file.path), language: file.language, lines, from, to, text: plainText(text), cut };
}

function readSymbol(work: SearchWork, request: ReadRequest & { readonly what: 'symbol' }): ReadAnswer {
  const matching = sameName(work, request);
  const [best, ...others] = matching;
  if (best === undefined) return { found: 'nothing', near: nearSymbols(work, request.name) };
  const { file, row } = best;
  const text = readLines(work.reader, file, { from: row.line, to: row.endLine });
  return {
    ...text,
    symbol: { ...matchSymbol(row), signature: row.signature },
    ...(others.length > 0 && { others: others.slice(0, 20).map((other) => `${plainLine(other.file.path)}:${other.row.line}`) }),
  };
}

/** Definitions of the name in the path and container, as written before others, tests last. */
function sameName(
  { reader, alive }: SearchWork,
  { name, path, container }: ReadRequest & { readonly what: 'symbol' },
): readonly { readonly file: IndexedFile; readonly row: SymbolRow }[] {
  const wanted = path === undefined ? undefined : reader.fileShownAs(path);
  const sql = `select ${SYMBOL_COLUMNS} from symbol where name_key = ? order by id limit ${MAX_SAME_NAME}`;
  const found = reader.segments.flatMap(({ symbols, fileOf }) => {
    alive();
    return (symbols?.all(sql, name.toLowerCase()) ?? []).flatMap((values) => {
      const row = symbolRow(values);
      const file = reader.file(fileOf[row.local] ?? -1);
      const fits = (path === undefined || file === wanted) && (container === undefined || isIn(row.container, container));
      return file !== undefined && fits ? [{ file, row }] : [];
    });
  });
  const rank = ({ file, row }: (typeof found)[number]): number => (row.name === name ? 0 : 1) + (1 - fileFactor(file.flags)) / 2;
  return found.toSorted((a, b) => rank(a) - rank(b) || a.file.index - b.file.index || a.row.line - b.row.line);
}

function isIn(container: string, wanted: string): boolean {
  return container === wanted || container.endsWith(`.${wanted}`);
}

function outline({ reader }: SearchWork, file: IndexedFile): ReadAnswer {
  const sql = `select ${SYMBOL_COLUMNS} from symbol where ${SYMBOL_OF_FILE} order by line, id limit ${READ_LIMITS.symbols + 1}`;
  const rows = reader.segments[file.segment]?.symbols?.all(sql, file.local) ?? [];
  const symbols = rows.slice(0, READ_LIMITS.symbols).map((row): OutlineSymbol => {
    const { name, kind, container, signature, line, endLine } = symbolRow(row);
    return { name, kind, container, signature, line, endLine };
  });
  const lines = lineCount(reader.content(file).starts);
  return { found: 'outline', path: plainLine(file.path), language: file.language, lines, symbols, more: rows.length > READ_LIMITS.symbols };
}

/** Paths that end alike, or at least in the same file name. */
function nearPaths({ reader, alive }: SearchWork, path: string): readonly string[] {
  const name = path.slice(path.lastIndexOf('/') + 1).toLowerCase();
  const near: string[] = [];
  for (const file of reader.files) {
    if ((file.index & 1023) === 0) alive();
    if (near.length >= MAX_NEAR || name === '') break;
    if (file.path.toLowerCase().endsWith(name)) near.push(plainLine(file.path));
  }
  return near;
}

function nearSymbols(work: SearchWork, name: string): readonly string[] {
  const query = { name, match: 'fuzzy', filter: {}, references: false, limit: MAX_NEAR, budgetMs: 0 } as const;
  return [...new Set(searchSymbols(work, query).definitions.map((each) => each.name))];
}
