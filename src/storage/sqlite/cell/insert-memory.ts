import { contentHash } from '../../../domains/memory/content-hash.ts';
import type { MEMORY_LIMITS, NewMemory } from '../../../domains/memory/model.ts';
import type { AddOutcome } from '../../../domains/memory/store.ts';
import { storedBytes } from '../../../domains/memory/stored-bytes.ts';
import { CellFailure, type Cell, type Row } from './cell.ts';
import { purgeRow } from './delete-memory.ts';
import { int, tagsOf, text, uuidBytes, uuidText } from './memory-row.ts';
import { newTally, settleTally, type Tally } from './meta.ts';
import { indexText, noteTokeniser, reindexRow } from './text-index.ts';
import { noteTarget } from './vectors.ts';
import { insertVersion, MAX_VERSIONS } from './versions.ts';

/** The model's limit; its file is not loaded in storage threads. */
const MAX_TAGS: (typeof MEMORY_LIMITS)['tags'] = 32;

const FOUND = 'm.id, m.uuid, m.content_hash, m.tags, m.metadata, m.content, m.expires_at, m.place, m.version, m.bytes';

export interface AddArgs {
  readonly now: number;
  readonly items: readonly NewMemory[];
  readonly embedModel?: string;
}

export function add(cell: Cell, { now, items, embedModel }: AddArgs): readonly AddOutcome[] {
  noteTokeniser(cell);
  noteTarget(cell, embedModel);
  const tally = newTally();
  const outcomes = items.map((item) => storeMemory(cell, item, now, tally));
  settleTally(cell, tally);
  return outcomes;
}

/**
 * Stores one memory or answers with the one that is there already: the same uuid, equal content and type outside threads,
 * or equal content and type at the same place of a thread. An expired memory in the way is deleted first. Another
 * content at that place is a conflict.
 */
export function storeMemory(cell: Cell, item: NewMemory, now: number, tally: Tally): AddOutcome {
  const bytesBefore = tally.bytes;
  const same = liveOrPurged(cell, findByUuid(cell, item.uuid), now, tally);
  if (same !== undefined) return { ...knownOutcome(same), addedBytes: tally.bytes - bytesBefore };
  const hash = contentHash(item.type, item.content);
  const inTheWay = liveOrPurged(cell, findInTheWay(cell, item, hash), now, tally);
  if (inTheWay === undefined) return { ...insertMemory(cell, item, hash, tally), addedBytes: tally.bytes - bytesBefore };
  if (!hash.equals(inTheWay['content_hash'] as Uint8Array)) {
    throw new CellFailure('conflict', `Place ${item.place ?? ''} of this thread holds another memory.`, { uuid: uuidText(inTheWay['uuid']) });
  }
  const tagsDropped = unite(cell, inTheWay, item, now, tally);
  const united = findByUuid(cell, uuidText(inTheWay['uuid'])) ?? inTheWay;
  return { ...knownOutcome(united), ...(tagsDropped === 0 ? {} : { tagsDropped }), addedBytes: tally.bytes - bytesBefore };
}

/** The live memory outside threads with this hash, if it is not the row `but`; an expired one is deleted. */
export function findEqual(cell: Cell, hash: Uint8Array, but: number, now: number, tally: Tally): Row | undefined {
  return liveOrPurged(
    cell,
    cell.get(`select ${FOUND} from memories m where m.content_hash = ? and m.thread is null and m.id <> ?`, hash, but),
    now,
    tally,
  );
}

function findByUuid(cell: Cell, uuid: string): Row | undefined {
  return cell.get(`select ${FOUND} from memories m where m.uuid = ? and alive()`, uuidBytes(uuid));
}

function findInTheWay(cell: Cell, { thread, place }: NewMemory, hash: Uint8Array): Row | undefined {
  if (thread === undefined) return cell.get(`select ${FOUND} from memories m where m.content_hash = ? and m.thread is null and alive()`, hash);
  if (place === undefined) return undefined;
  return cell.get(`select ${FOUND} from memories m where m.thread = ? and m.place = ? and alive()`, thread, place);
}

function liveOrPurged(cell: Cell, row: Row | undefined, now: number, tally: Tally): Row | undefined {
  if (row === undefined || row['expires_at'] == null || int(row, 'expires_at') > now) return row;
  purgeRow(cell, row, tally);
  return undefined;
}

function knownOutcome(row: Row): AddOutcome {
  return {
    uuid: uuidText(row['uuid']),
    created: false,
    ...(row['place'] == null ? {} : { place: int(row, 'place') }),
    version: int(row, 'version'),
    tags: tagsOf(row),
    ...(row['expires_at'] == null ? {} : { expiresAt: int(row, 'expires_at') }),
    addedBytes: 0,
  };
}

/**
 * Gives the memory that is there the new one's tags and the later or no expiry. That raises its version, so that `ifVersion`
 * notices, but keeps no old state: nothing of it is lost. Returns how many tags found no room.
 */
function unite(cell: Cell, row: Row, item: NewMemory, now: number, tally: Tally): number {
  const old = tagsOf(row);
  const wanted = [...new Set([...old, ...item.tags])];
  const tags = wanted.slice(0, Math.max(MAX_TAGS, old.length));
  const added = tags.slice(old.length);
  const had = row['expires_at'] == null ? undefined : int(row, 'expires_at');
  const expiresAt = had === undefined || item.expiresAt === undefined ? undefined : Math.max(had, item.expiresAt);
  const dropped = wanted.length - tags.length;
  if (added.length === 0 && expiresAt === had) return dropped;
  const id = int(row, 'id');
  const addedBytes = added.reduce((sum, tag) => sum + Buffer.byteLength(tag), 0);
  cell.run(
    'update memories set tags = ?, expires_at = ?, version = version + 1, updated_at = ?, bytes = bytes + ? where id = ?',
    JSON.stringify(tags),
    expiresAt ?? null,
    now,
    addedBytes,
    id,
  );
  insertTags(cell, id, added);
  if (added.length > 0) reindexRow(cell, id, text(row, 'content'), tags);
  tally.bytes += addedBytes;
  return dropped;
}

function insertMemory(cell: Cell, item: NewMemory, hash: Uint8Array, tally: Tally): AddOutcome {
  const place = item.thread === undefined ? undefined : (item.place ?? nextPlace(cell, item.thread));
  const bytes = storedBytes(item);
  const version = item.version ?? 1;
  const id = insertRow(cell, item, hash, place, bytes, version);
  insertTags(cell, id, item.tags);
  indexText(cell, id, item.content, item.tags);
  tally.memories += 1;
  tally.bytes += bytes;
  insertHistory(cell, id, item, version, tally);
  return {
    uuid: item.uuid,
    created: true,
    ...(place === undefined ? {} : { place }),
    version,
    tags: item.tags,
    ...(item.expiresAt === undefined ? {} : { expiresAt: item.expiresAt }),
    addedBytes: bytes,
  };
}

function insertRow(cell: Cell, item: NewMemory, hash: Uint8Array, place: number | undefined, bytes: number, version: number): number {
  const row = cell.get(
    `insert into memories (uuid, content_hash, type, thread, place, author, occurred_at, created_at, updated_at, expires_at, version, bytes,
       import_id, source_client, source_origin, tags, metadata, content)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) returning id`,
    uuidBytes(item.uuid),
    hash,
    item.type,
    item.thread ?? null,
    place ?? null,
    item.author,
    item.occurredAt,
    item.createdAt,
    item.updatedAt,
    item.expiresAt ?? null,
    version,
    bytes,
    item.importId ?? null,
    item.source.client ?? null,
    item.source.origin ?? null,
    JSON.stringify(item.tags),
    JSON.stringify(item.metadata),
    item.content,
  );
  return Number(row?.['id']);
}

/** Places given out by the store start at 1. */
function nextPlace(cell: Cell, thread: string): number {
  return Number(cell.get('select coalesce(max(place), 0) + 1 as place from memories where thread = ?', thread)?.['place']);
}

export function insertTags(cell: Cell, id: number, tags: readonly string[]): void {
  for (const tag of tags) cell.run('insert or ignore into memory_tags (tag, memory) values (?, ?)', tag, id);
}

/** History that came with an import: the newest 20 of it. */
function insertHistory(cell: Cell, id: number, { history = [] }: NewMemory, version: number, tally: Tally): void {
  let last = 0;
  for (const old of history) {
    if (old.version <= last || old.version >= version) {
      throw new CellFailure('invalid_input', "The memory's versions must be in ascending order and below its own.");
    }
    last = old.version;
  }
  for (const old of history.slice(-MAX_VERSIONS)) insertVersion(cell, id, old, tally);
}
