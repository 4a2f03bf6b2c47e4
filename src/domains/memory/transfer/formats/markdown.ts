import type { ImportLine } from '../line-format.ts';
import { MEMORY_LIMITS } from '../../model.ts';
import { type Fields, lineOf, tagsOf, timeOf, typeOf } from './foreign.ts';

/** A file of a folder of notes. */
export interface MarkdownFile {
  /** Relative to the folder, `/` between names; becomes the origin. */
  readonly path: string;
  readonly text: string;
  /** UTC ms; used when the front matter says no date. */
  readonly modifiedAt?: number;
}

const FRONT_MATTER = /^\uFEFF?---[ \t]*\r?\n([\s\S]*?)\r?\n(?:---|\.\.\.)[ \t]*(?:\r?\n|$)/;
const HEADING = /^(?=#{1,6}\s)/m;
const DATES = ['date', 'created', 'created_at', 'createdAt'] as const;
const KNOWN: readonly string[] = [...DATES, 'tags', 'tag', 'type', 'updated', 'updated_at', 'modified'];

/**
 * A Markdown file as one memory, or as several when it exceeds a memory's size: cut before headings, else between paragraphs,
 * else anywhere. Front matter gives tags, type and dates; its other fields go to the metadata. A file without text gives none.
 */
export function fromMarkdownFile(file: MarkdownFile): readonly ImportLine[] {
  const match = FRONT_MATTER.exec(file.text);
  const front = match === null ? {} : readFrontMatter(match[1] ?? '');
  const body = (match === null ? file.text.replace(/^\uFEFF/, '') : file.text.slice(match[0].length)).trim();
  if (body === '') return [];
  const parts = splitText(body, MEMORY_LIMITS.contentBytes);
  const { tags, rest } = tagsOf(front['tags'] ?? front['tag']);
  const others = Object.fromEntries(Object.entries(front).filter(([key]) => !KNOWN.includes(key)));
  const metadata = rest.length === 0 ? others : { ...others, moreTags: rest };
  const createdAt = DATES.map((name) => timeOf(front[name])).find((time) => time !== undefined) ?? file.modifiedAt;
  return parts.map((content, index) =>
    lineOf({
      content,
      type: typeOf(front['type']),
      tags,
      metadata: parts.length === 1 ? metadata : { ...metadata, part: index + 1, parts: parts.length },
      source: { client: 'markdown', origin: file.path.slice(-MEMORY_LIMITS.originLength).toWellFormed() },
      createdAt,
      updatedAt: timeOf(front['updated'] ?? front['updated_at'] ?? front['modified']),
    }),
  );
}

/** The part of YAML that notes use: `key: value`, `[a, b]`, and lists of `- item` lines. Nested fields stay text. */
function readFrontMatter(yaml: string): Fields {
  const fields: [string, string | string[]][] = [];
  for (const row of yaml.split(/\r?\n/)) {
    const item = /^\s*-\s+(.*)$/.exec(row);
    const last = fields.at(-1);
    if (item !== null && last !== undefined) {
      const items = Array.isArray(last[1]) ? last[1] : last[1] === '' ? [] : [last[1]];
      last[1] = [...items, unquote(item[1] ?? '')];
      continue;
    }
    const field = /^([\w-]+)\s*:\s*(.*)$/.exec(row);
    if (field !== null) fields.push([field[1] ?? '', valueOf(field[2] ?? '')]);
  }
  return Object.fromEntries(fields.filter(([, value]) => value !== ''));
}

function valueOf(text: string): string | string[] {
  const list = /^\[(.*)\]$/.exec(text.trim());
  if (list === null) return unquote(text);
  return (list[1] ?? '')
    .split(',')
    .map(unquote)
    .filter((item) => item !== '');
}

function unquote(text: string): string {
  const bare = text.trim();
  const quoted = /^(["'])(.*)\1$/.exec(bare);
  return quoted === null ? bare : (quoted[2] ?? '');
}

/** Parts of at most `maxBytes` of UTF-8, cut where it hurts least. Joined they hold the same words. */
export function splitText(text: string, maxBytes: number): readonly string[] {
  if (Buffer.byteLength(text) <= maxBytes) return [text];
  for (const border of [HEADING, /(?<=\n)[ \t]*\n/, /(?<=\n)/]) {
    const pieces = text.split(border).filter((piece) => piece.trim() !== '');
    if (pieces.length > 1)
      return gather(
        pieces.flatMap((piece) => splitText(piece, maxBytes)),
        border,
        maxBytes,
      );
  }
  return cutAnywhere(text, maxBytes);
}

function gather(pieces: readonly string[], border: RegExp, maxBytes: number): readonly string[] {
  const glue = border === HEADING ? '' : '\n';
  const parts: string[] = [];
  for (const piece of pieces) {
    const joined = parts.length === 0 ? piece : `${parts.at(-1)}${glue}${piece}`;
    if (parts.length > 0 && Buffer.byteLength(joined) <= maxBytes) parts[parts.length - 1] = joined;
    else parts.push(piece);
  }
  return parts.map((part) => part.trim()).filter((part) => part !== '');
}

function cutAnywhere(text: string, maxBytes: number): readonly string[] {
  const bytes = Buffer.from(text);
  const parts: string[] = [];
  for (let start = 0; start < bytes.length;) {
    let end = Math.min(bytes.length, start + maxBytes);
    // 0b10…… continues a character.
    while (end < bytes.length && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
    parts.push(bytes.toString('utf8', start, end));
    start = end;
  }
  return parts;
}
