import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { PolymniaError } from '../../../kernel/errors.ts';
import { jsonItems, listOf, readJsonFile, referenceItems } from './json-export.ts';
import { markdownFile, markdownItems } from './markdown-folder.ts';
import { memoryServiceRows } from './memory-service-file.ts';
import { isFields, type Fields, type ImportFormat, type SourceItem } from './source-item.ts';

/** What an import reads: lines that go as they are, or items that become lines. */
export type ImportSource = { readonly isStdin: boolean } & (
  | { readonly kind: 'lines'; readonly chunks: AsyncIterable<Uint8Array>; readonly bytes?: number }
  | { readonly kind: 'items'; readonly items: AsyncIterable<SourceItem> }
);

const SQLITE_MAGIC = 'SQLite format 3\0';
const HEAD_BYTES = 64 * 1024;

/** Opens standard input, a file or a folder in the given format; `auto` finds out which it is. */
export async function openSource(path: string | undefined, format: ImportFormat, stdin: Readable): Promise<ImportSource> {
  if (path === undefined) return openStream(stdin, format);
  const about = await stat(path);
  if (about.isDirectory()) {
    if (format !== 'auto' && format !== 'markdown')
      throw new PolymniaError('invalid_input', `${path} is a folder; only Markdown is imported by folder.`);
    return { isStdin: false, kind: 'items', items: markdownItems(path) };
  }
  const known = format === 'auto' ? await detect(path) : format;
  return openFile(path, known, about.size);
}

function openStream(stdin: Readable, format: ImportFormat): ImportSource {
  if (format === 'auto' || format === 'polymnia') return { isStdin: true, kind: 'lines', chunks: stdin };
  if (format === 'mcp-memory') return { isStdin: true, kind: 'items', items: referenceItems(stdin) };
  throw new PolymniaError('invalid_input', `The format ${format} is read from a file, not from standard input.`);
}

function openFile(path: string, format: ImportFormat, bytes: number): ImportSource {
  switch (format) {
    case 'auto':
    case 'polymnia':
      return { isStdin: false, kind: 'lines', chunks: createReadStream(path), bytes };
    case 'mcp-memory':
      return { isStdin: false, kind: 'items', items: referenceItems(createReadStream(path)) };
    case 'doobidoo':
    case 'mem0':
      return { isStdin: false, kind: 'items', items: jsonItems(path, format) };
    case 'doobidoo-sqlite':
      return { isStdin: false, kind: 'items', items: memoryServiceRows(path) };
    case 'markdown':
      return { isStdin: false, kind: 'items', items: markdownFile(path) };
  }
}

async function detect(path: string): Promise<ImportFormat> {
  if (/\.(?:md|markdown|mdown|mdx)$/i.test(path)) return 'markdown';
  const head = await readHead(path);
  if (head.startsWith(SQLITE_MAGIC)) return 'doobidoo-sqlite';
  const text = head.replace(/^\uFEFF/, '').trimStart();
  const [first = ''] = text.split('\n', 1);
  const value = parseOrUndefined(first);
  const byLine = isFields(value) && listOf(value) === undefined ? formatOfLine(value) : undefined;
  if (byLine !== undefined) return byLine;
  if (/^\{"(?:id|content|polymnia)"/.test(text)) return 'polymnia';
  if (!text.startsWith('[') && !text.startsWith('{')) throw unknownFormat(path);
  return formatOfDocument(await readJsonFile(path), path);
}

function formatOfLine(line: Fields): ImportFormat | undefined {
  if ('polymnia' in line || typeof line['content'] === 'string') return 'polymnia';
  return line['type'] === 'entity' || line['type'] === 'relation' ? 'mcp-memory' : undefined;
}

function formatOfDocument(json: unknown, path: string): ImportFormat {
  const first = listOf(json)?.find(isFields);
  if (first !== undefined && typeof first['content'] === 'string') return 'doobidoo';
  if (first !== undefined && ['memory', 'data', 'text'].some((name) => typeof first[name] === 'string')) return 'mem0';
  throw unknownFormat(path);
}

function unknownFormat(path: string): PolymniaError {
  return new PolymniaError('invalid_input', `The format of ${path} is not known.`, { details: { hint: 'Name it with --format.' } });
}

async function readHead(path: string): Promise<string> {
  await using handle = await open(path, 'r');
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
  return buffer.subarray(0, bytesRead).toString('utf8');
}

function parseOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // The first line of a document that spans several is no JSON by itself.
    return undefined;
  }
}
