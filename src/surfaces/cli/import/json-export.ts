import { readFile, stat } from 'node:fs/promises';
import { type ConvertedImport, fromMem0Export, fromMemoryServiceExport, fromReferenceMemory } from '../../../domains/memory/index.ts';
import { PolymniaError } from '../../../kernel/errors.ts';
import { readLines } from '../read-input.ts';
import { isFields, type SourceItem } from './source-item.ts';

/** A JSON document is parsed whole, so its size is limited. */
const MAX_JSON_BYTES = 256 * 1024 * 1024;
const MAX_LINE_BYTES = 16 * 1024 * 1024;

/** Fields under which exports keep their list. */
const LISTS = ['memories', 'results', 'data'] as const;

/** The document of an export that is one JSON value. Throws `too_large` and `invalid_input`. */
export async function readJsonFile(path: string): Promise<unknown> {
  const { size } = await stat(path);
  if (size > MAX_JSON_BYTES) {
    throw new PolymniaError(
      'too_large',
      `${path} has ${size} bytes; a JSON document may have ${MAX_JSON_BYTES}. Split it, or give one object a line.`,
    );
  }
  const text = await readFile(path, 'utf8');
  try {
    return JSON.parse(text.replace(/^\uFEFF/, '')) as unknown;
  } catch (error) {
    throw new PolymniaError('invalid_input', `${path} is not valid JSON.`, { cause: error });
  }
}

/** The list of items in an export's document; undefined when there is none. */
export function listOf(json: unknown): readonly unknown[] | undefined {
  if (Array.isArray(json)) return json;
  if (!isFields(json)) return undefined;
  return LISTS.map((name) => json[name]).find(Array.isArray);
}

const CONVERTERS = { doobidoo: fromMemoryServiceExport, mem0: fromMem0Export } as const;

/** The items of an export that is one JSON document, each converted by itself, so that memory holds the lines of one. */
export async function* jsonItems(path: string, format: keyof typeof CONVERTERS): AsyncGenerator<SourceItem> {
  const items = listOf(await readJsonFile(path));
  if (items === undefined) throw new PolymniaError('invalid_input', `${path} holds no list of memories as a ${format} export has it.`);
  let number = 0;
  for (const item of items) {
    number += 1;
    yield toItem(`item ${number}`, CONVERTERS[format]([item]));
  }
}

/** The lines of the MCP reference memory's file. */
export async function* referenceItems(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<SourceItem> {
  for await (const { number, text } of readLines(chunks, MAX_LINE_BYTES)) {
    const place = `line ${number}`;
    if (text === undefined) yield { place, lines: [], problem: `longer than ${MAX_LINE_BYTES} bytes` };
    else if (text.trim() !== '') yield toItem(place, fromReferenceMemory(text.replace(/^\uFEFF/, '')));
  }
}

function toItem(place: string, { lines, problems }: ConvertedImport): SourceItem {
  const [problem] = problems;
  return { place, lines, ...(problem === undefined ? {} : { problem: problem.message }) };
}
