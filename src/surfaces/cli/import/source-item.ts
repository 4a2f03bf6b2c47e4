import type { ImportLine } from '../../../domains/memory/index.ts';

/** One item of a source, as it becomes lines of an import: none when it holds nothing to keep. */
export interface SourceItem {
  /** Where it stands in its source, e.g. `item 12`, `notes/plan.md`. */
  readonly place: string;
  readonly lines: readonly ImportLine[];
  /** Why it gives no lines, when it should. */
  readonly problem?: string;
}

/** Something that cannot be imported, with its place in the source. */
export interface SkippedItem {
  readonly place: string;
  readonly message: string;
}

export const IMPORT_FORMATS = ['auto', 'polymnia', 'doobidoo', 'doobidoo-sqlite', 'mem0', 'mcp-memory', 'markdown'] as const;
export type ImportFormat = (typeof IMPORT_FORMATS)[number];

/** One object of any export. */
export type Fields = Readonly<Record<string, unknown>>;

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
