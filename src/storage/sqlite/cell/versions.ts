import type { MEMORY_LIMITS, MemoryVersion } from '../../../domains/memory/model.ts';
import { storedBytes } from '../../../domains/memory/stored-bytes.ts';
import type { Cell } from './cell.ts';
import { int } from './memory-row.ts';
import type { Tally } from './meta.ts';

/** The model's limit; its file is not loaded in storage threads. */
export const MAX_VERSIONS: (typeof MEMORY_LIMITS)['versions'] = 20;

/** Keeps an old state of a memory. */
export function insertVersion(cell: Cell, id: number, old: MemoryVersion, tally: Tally): void {
  const bytes = storedBytes(old);
  cell.run(
    'insert into memory_versions (memory, version, bytes, replaced_at, replaced_by, type, tags, metadata, content) values (?, ?, ?, ?, ?, ?, ?, ?, ?)',
    id,
    old.version,
    bytes,
    old.replacedAt,
    old.replacedBy,
    old.type,
    JSON.stringify(old.tags),
    JSON.stringify(old.metadata),
    old.content,
  );
  tally.versions += 1;
  tally.bytes += bytes;
}

/** Deletes the oldest versions beyond `keep`. */
export function dropVersions(cell: Cell, id: number, keep: number, tally: Tally): void {
  const surplus = cell.all('select rowid as id, bytes from memory_versions where memory = ? order by version desc limit -1 offset ?', id, keep);
  for (const row of surplus) {
    cell.run('delete from memory_versions where rowid = ?', int(row, 'id'));
    tally.versions -= 1;
    tally.bytes -= int(row, 'bytes');
  }
}
