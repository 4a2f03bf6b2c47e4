import { constants } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fromMarkdownFile } from '../../../domains/memory/index.ts';
import { PolymniaError, systemCode } from '../../../kernel/errors.ts';
import type { SourceItem } from './source-item.ts';

const MAX_FILES = 1_000_000;
const MAX_DEPTH = 64;
const MAX_FILE_BYTES = 16 * 1024 * 1024;
const MARKDOWN = /\.(?:md|markdown|mdown|mdx)$/i;

/** The Markdown files of a folder and its subfolders, in the order of their names. Hidden names and links are passed over. */
export async function* markdownItems(folder: string): AsyncGenerator<SourceItem> {
  let files = 0;
  for await (const path of walk(folder, '', 0)) {
    files += 1;
    if (files > MAX_FILES)
      throw new PolymniaError('too_large', `${folder} has more than ${MAX_FILES} Markdown files; import its subfolders one by one.`);
    yield readItem(join(folder, path), path).catch((error: unknown) => unreadable(path, error));
  }
}

/** One Markdown file by itself. */
export async function* markdownFile(path: string): AsyncGenerator<SourceItem> {
  yield readItem(path, basename(path));
}

async function* walk(root: string, under: string, depth: number): AsyncGenerator<string> {
  if (depth > MAX_DEPTH) throw new PolymniaError('too_large', `${root} has more than ${MAX_DEPTH} folders inside each other.`);
  const entries = await readdir(join(root, under), { withFileTypes: true });
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.name.startsWith('.') || entry.name === 'node_modules') continue;
    const path = under === '' ? entry.name : `${under}/${entry.name}`;
    if (entry.isDirectory()) yield* walk(root, path, depth + 1);
    else if (entry.isFile() && MARKDOWN.test(entry.name)) yield path;
  }
}

/** One file that may not be read, or has gone meanwhile, does not end the import of the others. */
function unreadable(place: string, error: unknown): SourceItem {
  return { place, lines: [], problem: `cannot be read (${systemCode(error) ?? 'unknown error'})` };
}

const NO_FOLLOW = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

async function readItem(path: string, place: string): Promise<SourceItem> {
  await using handle = await open(path, NO_FOLLOW);
  const { size, mtimeMs } = await handle.stat();
  if (size > MAX_FILE_BYTES) return { place, lines: [], problem: `${size} bytes; a file may have ${MAX_FILE_BYTES}` };
  const text = decode(await handle.readFile());
  if (text === undefined) return { place, lines: [], problem: 'not UTF-8 text' };
  return { place, lines: fromMarkdownFile({ path: place, text, modifiedAt: Math.floor(mtimeMs) }) };
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    // Reported with its place by the caller.
    return undefined;
  }
}
