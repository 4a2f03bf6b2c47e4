import type { ReferenceConfidence, ReferenceFile, SymbolQuery } from '../../../domains/code/search/code-index.ts';
import { lineAt } from '../../../domains/code/search/lines.ts';
import { plainLine } from '../../../domains/code/search/plain-text.ts';
import type { IndexedFile } from './generation-reader.ts';
import { textOf } from './open-immutable.ts';
import { fileFactor, type SearchWork } from './search-work.ts';

/** Files of which the lines are looked up; the others are counted only by `more`. */
const MAX_FILES = 50;
const MAX_LINES = 20;
const MAX_ROWS = 20_000;
const WORD_PART = /[\p{L}\p{N}\p{M}_$]/u;

export interface References {
  readonly files: readonly ReferenceFile[];
  readonly more: boolean;
  readonly stopped: boolean;
}

interface Use {
  readonly file: IndexedFile;
  readonly count: number;
}

/** Where what is defined under the name lies. */
interface Definers {
  readonly files: ReadonlySet<number>;
  readonly count: number;
  /** Last parts of their paths, without endings: what imports end in. */
  readonly modules: ReadonlySet<string>;
}

/** Files that use a name, most certain first, then most uses. */
export function findReferences(work: SearchWork, { filter }: SymbolQuery, name: string): References {
  const { reader, alive, spent } = work;
  const definers = definersOf(work, name);
  const allowed = reader.allowed(filter, alive);
  const uses = usesOf(work, name).filter(({ file }) => allowed?.[file.index] !== 0);
  const rated = uses
    .toSorted((a, b) => fileFactor(b.file.flags) - fileFactor(a.file.flags) || b.count - a.count || a.file.index - b.file.index)
    .slice(0, MAX_FILES)
    .map((use) => ({ ...use, confidence: confidence(work, use.file, definers) }))
    .toSorted((a, b) => CERTAINTY[a.confidence] - CERTAINTY[b.confidence]);
  const files: ReferenceFile[] = [];
  for (const { file, count, confidence: how } of rated) {
    alive();
    if (spent()) return { files, more: true, stopped: true };
    files.push({ path: plainLine(file.path), language: file.language, count, lines: linesWith(work, file, name), confidence: how });
  }
  return { files, more: uses.length > rated.length, stopped: false };
}

const CERTAINTY: Readonly<Record<ReferenceConfidence, number>> = { same_file: 0, imported: 1, unique_name: 2, ambiguous: 3 };

function usesOf({ reader, alive }: SearchWork, name: string): readonly Use[] {
  return reader.segments.flatMap(({ symbols, fileOf }) => {
    alive();
    const rows = symbols?.all(`select local, n from reference where name = ? limit ${MAX_ROWS}`, name) ?? [];
    return rows.flatMap(([local, count]): Use[] => {
      const file = reader.file(fileOf[Number(local)] ?? -1);
      return file === undefined ? [] : [{ file, count: Number(count) }];
    });
  });
}

function definersOf({ reader, alive }: SearchWork, name: string): Definers {
  const files = new Set<number>();
  const modules = new Set<string>();
  let count = 0;
  for (const { symbols, fileOf } of reader.segments) {
    alive();
    for (const [local] of symbols?.all(`select local from symbol where name_key = ? and name = ? limit ${MAX_ROWS}`, name.toLowerCase(), name) ??
      []) {
      const file = reader.file(fileOf[Number(local)] ?? -1);
      if (file === undefined) continue;
      count += 1;
      files.add(file.index);
      for (const part of moduleNames(file.path)) modules.add(part);
    }
  }
  return { files, count, modules };
}

function confidence({ reader }: SearchWork, file: IndexedFile, { files, count, modules }: Definers): ReferenceConfidence {
  if (files.has(file.index)) return 'same_file';
  const targets = reader.segments[file.segment]?.symbols?.all('select target from import where local = ?', file.local) ?? [];
  if (targets.some(([target]) => moduleNames(textOf(target).replaceAll(/[.:\\]+(?=\w+(?:[.:\\]|$))/g, '/')).some((part) => modules.has(part)))) {
    return 'imported';
  }
  return count === 1 ? 'unique_name' : 'ambiguous';
}

/** `src/http/server.ts` → `server`; an index or package file also goes by its folder's name. */
function moduleNames(path: string): readonly string[] {
  const [last = '', folder] = path
    .replaceAll(/["'<>]/g, '')
    .split('/')
    .toReversed();
  const name = last.replace(/\.\w{1,5}$/, '').toLowerCase();
  return /^(?:index|__init__|mod|lib|main)$/.test(name) && folder !== undefined ? [folder.toLowerCase()] : [name];
}

/** The first lines that hold the name as a whole word. */
function linesWith({ reader }: SearchWork, file: IndexedFile, name: string): readonly number[] {
  const { text: content, starts } = reader.content(file);
  const lines = new Set<number>();
  for (let at = content.indexOf(name); at >= 0 && lines.size < MAX_LINES; at = content.indexOf(name, at + name.length)) {
    if (isWordAt(content, at, name.length)) lines.add(lineAt(starts, at));
  }
  return [...lines];
}

function isWordAt(content: string, at: number, length: number): boolean {
  return !WORD_PART.test(content.charAt(at - 1)) && !WORD_PART.test(content.charAt(at + length));
}
