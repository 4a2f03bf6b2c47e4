import type { ImportLine } from '../line-format.ts';
import {
  type ConvertedImport,
  convertEach,
  type Fields,
  isFields,
  lineOf,
  metadataOf,
  otherFields,
  tagsOf,
  textOf,
  timeOf,
  typeOf,
} from './foreign.ts';

const KNOWN = [
  'id',
  'content',
  'tags',
  'memory_type',
  'type',
  'metadata',
  'created_at',
  'created_at_iso',
  'updated_at',
  'updated_at_iso',
  'timestamp',
  'deleted_at',
  'embedding',
];

/**
 * A JSON export of mcp-memory-service: `{memories: […]}` or the array alone. Times are Unix seconds with fractions or ISO
 * texts, tags an array or comma-separated, metadata an object or JSON as text. Deleted rows are left out.
 */
export function fromMemoryServiceExport(json: unknown): ConvertedImport {
  const memories = isFields(json) ? json['memories'] : json;
  if (!Array.isArray(memories)) return { lines: [], problems: [{ item: 1, message: 'no array of memories' }] };
  return convertEach(memories, (fields) => (isDeleted(fields) ? [] : (convert(fields) ?? 'no content')));
}

/** A row of the `memories` table of its SQLite file; undefined for a deleted one or one without content. */
export function fromMemoryServiceRow(row: Fields): ImportLine | undefined {
  return isDeleted(row) ? undefined : convert(row)?.[0];
}

function isDeleted(fields: Fields): boolean {
  return fields['deleted_at'] !== undefined && fields['deleted_at'] !== null;
}

function convert(fields: Fields): readonly ImportLine[] | undefined {
  const content = textOf(fields['content']);
  if (content === undefined) return undefined;
  const metadata = metadataOf('metadata', fields['metadata']);
  const { tags, rest } = tagsOf(fields['tags'] ?? metadata['tags']);
  const { tags: _tags, ...others } = { ...metadata, ...otherFields(fields, KNOWN) };
  return [
    lineOf({
      content,
      type: typeOf(fields['memory_type']) ?? typeOf(fields['type']),
      tags,
      metadata: rest.length === 0 ? others : { ...others, moreTags: rest },
      source: { client: 'mcp-memory-service' },
      createdAt: timeOf(fields['created_at']) ?? timeOf(fields['created_at_iso']) ?? timeOf(fields['timestamp']),
      updatedAt: timeOf(fields['updated_at']) ?? timeOf(fields['updated_at_iso']),
    }),
  ];
}
