import { isDeepStrictEqual } from 'node:util';
import { contentHash } from '../../../domains/memory/content-hash.ts';
import type { StoredMemory } from '../../../domains/memory/model.ts';
import type { MemoryChange, UpdateOutcome } from '../../../domains/memory/store.ts';
import { storedBytes } from '../../../domains/memory/stored-bytes.ts';
import { CellFailure, type Cell } from './cell.ts';
import { findEqual, insertTags } from './insert-memory.ts';
import { int, MEMORY_COLUMNS, toStoredMemory, uuidBytes, uuidText } from './memory-row.ts';
import { newTally, settleTally, type Tally } from './meta.ts';
import { reindexRow } from './text-index.ts';
import { forgetVectors, noteTarget } from './vectors.ts';
import { dropVersions, insertVersion, MAX_VERSIONS } from './versions.ts';

export interface UpdateArgs {
  readonly now: number;
  readonly uuid: string;
  readonly change: MemoryChange;
}

/** Changes a memory and keeps its old state; a change to what is there already does nothing. */
export function update(cell: Cell, { now, uuid, change }: UpdateArgs): UpdateOutcome | undefined {
  const row = cell.get(
    `select ${MEMORY_COLUMNS} from memories m where m.uuid = ? and (m.expires_at is null or m.expires_at > ?) and alive()`,
    uuidBytes(uuid),
    now,
  );
  if (row === undefined) return undefined;
  const before = toStoredMemory(row);
  requireVersion(before, change);
  noteTarget(cell, change.embedModel);
  const after = changed(before, change, now);
  if (after === before) return { memory: before, addedBytes: 0 };
  const tally = newTally();
  replace(cell, int(row, 'id'), before, after, change.changedBy, now, tally);
  settleTally(cell, tally);
  return { memory: after, addedBytes: tally.bytes };
}

function requireVersion(before: StoredMemory, { ifVersion }: MemoryChange): void {
  if (ifVersion === undefined || ifVersion === before.version) return;
  throw new CellFailure('conflict', `The memory is at version ${before.version}, not ${ifVersion}: read it again, then decide.`, {
    uuid: before.uuid,
    version: before.version,
  });
}

/** The memory as the change makes it; the very same object when nothing differs. */
function changed(before: StoredMemory, change: MemoryChange, now: number): StoredMemory {
  const { expiresAt: oldExpiry, ...rest } = before;
  const expiresAt = change.expiresAt === undefined ? oldExpiry : (change.expiresAt ?? undefined);
  const after: StoredMemory = {
    ...rest,
    content: change.content ?? before.content,
    type: change.type ?? before.type,
    tags: change.tags === undefined ? before.tags : [...new Set(change.tags)],
    metadata: change.metadata ?? before.metadata,
    occurredAt: change.occurredAt ?? before.occurredAt,
    ...(expiresAt === undefined ? {} : { expiresAt }),
  };
  return isDeepStrictEqual(after, before) ? before : { ...after, version: before.version + 1, updatedAt: now };
}

function replace(cell: Cell, id: number, before: StoredMemory, after: StoredMemory, changedBy: string, now: number, tally: Tally): void {
  const hash = contentHash(after.type, after.content);
  if (after.thread === undefined) refuseEqual(cell, id, hash, now, tally);
  insertVersion(cell, id, { ...before, replacedAt: now, replacedBy: changedBy }, tally);
  dropVersions(cell, id, MAX_VERSIONS, tally);
  updateRow(cell, id, after, hash, storedBytes(after));
  tally.bytes += storedBytes(after) - storedBytes(before);
  updateDerived(cell, id, before, after, tally);
}

function refuseEqual(cell: Cell, id: number, hash: Uint8Array, now: number, tally: Tally): void {
  const equal = findEqual(cell, hash, id, now, tally);
  if (equal === undefined) return;
  throw new CellFailure('conflict', 'Another memory has this content and type already.', { uuid: uuidText(equal['uuid']) });
}

function updateRow(cell: Cell, id: number, after: StoredMemory, hash: Uint8Array, bytes: number): void {
  cell.run(
    `update memories set content_hash = ?, content = ?, type = ?, tags = ?, metadata = ?, occurred_at = ?, expires_at = ?, updated_at = ?,
       version = ?, bytes = ? where id = ?`,
    hash,
    after.content,
    after.type,
    JSON.stringify(after.tags),
    JSON.stringify(after.metadata),
    after.occurredAt,
    after.expiresAt ?? null,
    after.updatedAt,
    after.version,
    bytes,
    id,
  );
}

/** Tag index, words and vectors follow the record. */
function updateDerived(cell: Cell, id: number, before: StoredMemory, after: StoredMemory, tally: Tally): void {
  const gone = before.tags.filter((tag) => !after.tags.includes(tag));
  for (const tag of gone) cell.run('delete from memory_tags where tag = ? and memory = ?', tag, id);
  insertTags(cell, id, after.tags);
  if (after.content !== before.content) forgetVectors(cell, id, false);
  if (after.content === before.content && isDeepStrictEqual(after.tags, before.tags)) return;
  reindexRow(cell, id, after.content, after.tags);
  tally.wordsGone = true;
}
