import { parseJson } from '../../../../kernel/parse-json.ts';
import type { ImportLine } from '../line-format.ts';
import { type ConvertedImport, convertEach, type Fields, lineOf, otherFields, tagsOf, textOf } from './foreign.ts';

const SOURCE = { client: 'mcp-reference-memory' };

/**
 * The JSON Lines file of the MCP reference memory: each observation of an entity becomes a memory that names the entity, each
 * relation a memory of type `relation` in words. An entity without observations is kept as a memory of its name.
 */
export function fromReferenceMemory(text: string): ConvertedImport {
  const rows = text.split('\n').filter((row) => row.trim() !== '');
  return convertEach(rows.map(parseJson), (fields) => {
    if (fields['type'] === 'relation' || (fields['from'] !== undefined && fields['to'] !== undefined)) return relationLines(fields);
    return entityLines(fields);
  });
}

function entityLines(fields: Fields): readonly ImportLine[] | string {
  const name = textOf(fields['name']);
  if (name === undefined) return 'neither an entity with a name nor a relation';
  const kind = textOf(fields['entityType']);
  const metadata = {
    ...otherFields(fields, ['type', 'name', 'entityType', 'observations']),
    entity: name,
    ...(kind === undefined ? {} : { entityType: kind }),
  };
  const { tags } = tagsOf(kind === undefined ? [] : [kind]);
  const observations = Array.isArray(fields['observations']) ? fields['observations'].flatMap((value) => textOf(value) ?? []) : [];
  if (observations.length === 0) {
    return [lineOf({ content: kind === undefined ? name : `${name} (${kind})`, type: 'entity', tags, metadata, source: SOURCE })];
  }
  return observations.map((observation) => lineOf({ content: `${name}: ${observation}`, type: 'observation', tags, metadata, source: SOURCE }));
}

function relationLines(fields: Fields): readonly ImportLine[] | string {
  const from = textOf(fields['from']);
  const to = textOf(fields['to']);
  if (from === undefined || to === undefined) return 'a relation without both ends';
  const relation = textOf(fields['relationType']) ?? 'relates to';
  const metadata = { ...otherFields(fields, ['type']), from, to, relationType: relation };
  return [lineOf({ content: `${from} ${relation.replaceAll('_', ' ')} ${to}`, type: 'relation', metadata, source: SOURCE })];
}
