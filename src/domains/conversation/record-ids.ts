import { notFound } from '../../kernel/errors.ts';
import { parseRecordId, RECORD_NOUNS, type RecordKind } from '../../kernel/ids.ts';

/** The record's own part of an id that the gate has parsed before. */
export function uuidOf(kind: RecordKind, id: string): string {
  const parsed = parseRecordId(kind, id);
  if (parsed === undefined) throw notFound(RECORD_NOUNS[kind]);
  return parsed.uuid;
}
