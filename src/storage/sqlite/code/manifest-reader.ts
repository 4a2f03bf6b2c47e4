import { DatabaseSync } from 'node:sqlite';
import type { IndexSegment, IndexState, KnownRow, SkippedFile } from '../../../domains/code/index/index-state.ts';
import type { SkipReason } from '../../../domains/code/model.ts';
import { generationFiles } from './generation-files.ts';
import { SEGMENT_VERSION } from './segment-schema.ts';

/** A generation as a later sync starts from it. */
export interface StoredIndex extends IndexState {
  readonly meta: ReadonlyMap<string, string>;
}

/** Reads a manifest whole. Undefined when there is none, or none that can be read: then the index is made afresh. */
export function readManifest(folder: string): StoredIndex | undefined {
  try {
    using db = new DatabaseSync(generationFiles.manifest(folder), { readOnly: true, defensive: true });
    if (db.prepare('pragma user_version').get()?.['user_version'] !== SEGMENT_VERSION) return undefined;
    return { meta: metaOf(db), segments: segmentsOf(db), files: filesOf(db), skipped: skippedOf(db) };
  } catch {
    // Damaged or gone: nothing of it is trusted.
    return undefined;
  }
}

function metaOf(db: DatabaseSync): ReadonlyMap<string, string> {
  return new Map(
    db
      .prepare('select key, value from meta')
      .all()
      .map(({ key, value }) => [String(key), String(value)]),
  );
}

function segmentsOf(db: DatabaseSync): IndexSegment[] {
  const rows = db.prepare('select id, name, files, bytes, chunks, terms, has_symbols from segment order by id').all();
  return rows.map((row) => ({
    id: Number(row['id']),
    name: String(row['name']),
    files: Number(row['files']),
    bytes: Number(row['bytes']),
    chunks: Number(row['chunks']),
    terms: Number(row['terms']),
    hasSymbols: row['has_symbols'] === 1,
  }));
}

function filesOf(db: DatabaseSync): KnownRow[] {
  const statement = db.prepare('select id, path, segment, local, blob, bytes, stat from file');
  statement.setReturnArrays(true);
  const rows = statement.all() as unknown as [number, string, number, number, string, number, string | null][];
  return rows.map(([id, path, segment, local, blob, bytes, stat]) => ({ id, path, segment, local, blob, bytes, ...(stat !== null && { stat }) }));
}

function skippedOf(db: DatabaseSync): SkippedFile[] {
  const statement = db.prepare('select path, reason, blob, stat from skipped');
  statement.setReturnArrays(true);
  const rows = statement.all() as unknown as [string, SkipReason, string | null, string | null][];
  return rows.map(([path, reason, blob, stat]) => ({ path, reason, ...(blob !== null && { blob }), ...(stat !== null && { stat }) }));
}
