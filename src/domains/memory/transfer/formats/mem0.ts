import { type ConvertedImport, convertEach, isFields, lineOf, metadataOf, otherFields, tagsOf, textOf, timeOf, typeOf } from './foreign.ts';

const KNOWN = ['id', 'memory', 'data', 'text', 'hash', 'metadata', 'categories', 'created_at', 'updated_at', 'expiration_date', 'score', 'embedding'];
const LISTS = ['results', 'memories', 'data'] as const;

/**
 * A mem0 export: an array of memories, or an object that holds it under `results` or `memories`. Categories become tags;
 * `user_id`, `agent_id`, `run_id` and whatever else is there go to the metadata.
 */
export function fromMem0Export(json: unknown): ConvertedImport {
  const list = isFields(json) ? LISTS.map((name) => json[name]).find(Array.isArray) : json;
  if (!Array.isArray(list)) return { lines: [], problems: [{ item: 1, message: 'no array of memories' }] };
  return convertEach(list, (fields) => {
    const content = textOf(fields['memory']) ?? textOf(fields['data']) ?? textOf(fields['text']);
    if (content === undefined) return 'no memory text';
    const inner = metadataOf('metadata', fields['metadata']);
    const { tags, rest } = tagsOf(fields['categories'] ?? inner['categories'] ?? inner['category']);
    const {
      type,
      categories: _categories,
      category: _category,
      ...others
    } = { ...inner, ...otherFields(fields, KNOWN), ...(textOf(fields['id']) === undefined ? {} : { mem0Id: fields['id'] }) } as Record<
      string,
      unknown
    >;
    return [
      lineOf({
        content,
        type: typeOf(type),
        tags,
        metadata: rest.length === 0 ? others : { ...others, moreTags: rest },
        source: { client: 'mem0' },
        createdAt: timeOf(fields['created_at']),
        updatedAt: timeOf(fields['updated_at']),
        expiresAt: timeOf(fields['expiration_date']),
      }),
    ];
  });
}
