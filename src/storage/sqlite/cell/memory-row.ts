import type { MemoryVersion, Metadata, StoredMemory } from '../../../domains/memory/model.ts';
import type { MemoryWithHistory } from '../../../domains/memory/store.ts';
import type { Row } from './cell.ts';

/** The columns {@link toStoredMemory} reads, of `memories m`. */
export const MEMORY_COLUMNS = `m.id, m.uuid, m.type, m.thread, m.place, m.author, m.occurred_at, m.created_at, m.updated_at, m.expires_at,
  m.version, m.bytes, m.import_id, m.source_client, m.source_origin, m.tags, m.metadata, m.content`;

/** {@link MEMORY_COLUMNS} and the number of old versions. */
export const MEMORY_COLUMNS_WITH_COUNT = `${MEMORY_COLUMNS}, (select count(*) from memory_versions v where v.memory = m.id) as versions`;

/** 32 hex digits to the 16 bytes a file holds. */
export function uuidBytes(uuid: string): Uint8Array {
  return Buffer.from(uuid, 'hex');
}

export function uuidText(value: Row[string] | undefined): string {
  if (!(value instanceof Uint8Array)) throw new TypeError('A uuid column holds no blob.');
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex');
}

/** An integer column that is never null. */
export function int(row: Row, column: string): number {
  return Number(row[column]);
}

/** A text column that is never null. */
export function text(row: Row, column: string): string {
  return String(row[column]);
}

export function tagsOf(row: Row): readonly string[] {
  return JSON.parse(text(row, 'tags')) as readonly string[];
}

export function toStoredMemory(row: Row): StoredMemory {
  const { thread, expires_at: expiresAt, import_id: importId, source_client: client, source_origin: origin } = row;
  return {
    uuid: uuidText(row['uuid']),
    content: text(row, 'content'),
    type: text(row, 'type'),
    tags: tagsOf(row),
    metadata: JSON.parse(text(row, 'metadata')) as Metadata,
    ...(thread == null ? {} : { thread: String(thread), place: int(row, 'place') }),
    source: { ...(client == null ? {} : { client: String(client) }), ...(origin == null ? {} : { origin: String(origin) }) },
    author: text(row, 'author'),
    occurredAt: int(row, 'occurred_at'),
    createdAt: int(row, 'created_at'),
    updatedAt: int(row, 'updated_at'),
    ...(expiresAt == null ? {} : { expiresAt: Number(expiresAt) }),
    version: int(row, 'version'),
    ...(importId == null ? {} : { importId: String(importId) }),
  };
}

/** A memory with its number of versions, and with `history` (oldest first) when given. */
export function toMemoryWithHistory(row: Row, history?: readonly MemoryVersion[]): MemoryWithHistory {
  const memory = { ...toStoredMemory(row), versions: int(row, 'versions') };
  return history === undefined || history.length === 0 ? memory : { ...memory, history };
}

export function toMemoryVersion(row: Row): MemoryVersion {
  return {
    version: int(row, 'version'),
    content: text(row, 'content'),
    type: text(row, 'type'),
    tags: tagsOf(row),
    metadata: JSON.parse(text(row, 'metadata')) as Metadata,
    replacedAt: int(row, 'replaced_at'),
    replacedBy: text(row, 'replaced_by'),
  };
}
