import type { SymbolKind } from '../../../domains/code/model.ts';
import type { MatchSymbol } from '../../../domains/code/search/code-index.ts';
import { plainLine } from '../../../domains/code/search/plain-text.ts';
import type { GenerationReader, IndexedFile } from './generation-reader.ts';
import { type Row, textOf } from './open-immutable.ts';
import { SYMBOL_OF_FILE } from './segment-schema.ts';

/** A definition as a segment holds it. */
export interface SymbolRow extends MatchSymbol {
  readonly id: number;
  readonly local: number;
  readonly line: number;
  readonly endLine: number;
  readonly signature: string;
}

export const SYMBOL_COLUMNS = 'id, local, name, kind, line, end_line, container, signature';

/** Names and signatures come from the repository: they are made safe to show. */
export function symbolRow([id, local, name, kind, line, endLine, container, signature]: Row): SymbolRow {
  return {
    id: Number(id),
    local: Number(local),
    name: plainLine(textOf(name)),
    kind: textOf(kind),
    line: Number(line),
    endLine: Number(endLine),
    container: plainLine(textOf(container)),
    signature: plainLine(textOf(signature)),
  };
}

/** The innermost definition around a line. */
export function symbolAround(reader: GenerationReader, file: IndexedFile, line: number): SymbolRow | undefined {
  const row = reader.segments[file.segment]?.symbols?.first(
    `select ${SYMBOL_COLUMNS} from symbol where ${SYMBOL_OF_FILE} and line <= ?2 and end_line >= ?2 order by line desc, end_line, id desc limit 1`,
    file.local,
    line,
  );
  return row === undefined ? undefined : symbolRow(row);
}

/** Whether a line of the file lies in a definition of one of the kinds. */
export function inKinds(reader: GenerationReader, file: IndexedFile, kinds: readonly SymbolKind[]): (line: number) => boolean {
  const rows = reader.segments[file.segment]?.symbols?.all(`select line, end_line, kind from symbol where ${SYMBOL_OF_FILE}`, file.local) ?? [];
  const wanted = new Set<unknown>(kinds);
  const ranges = rows.filter(([, , kind]) => wanted.has(kind));
  return (line) => ranges.some(([from, to]) => Number(from) <= line && Number(to) >= line);
}

export function matchSymbol({ name, kind, container }: MatchSymbol): MatchSymbol {
  return { name, kind, container };
}
