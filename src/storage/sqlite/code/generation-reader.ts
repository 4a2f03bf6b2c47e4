import { BoundedMap } from '../../../kernel/bounded-map.ts';
import type { FileFilter, IndexSource } from '../../../domains/code/search/code-index.ts';
import { pathFilter } from '../../../domains/code/search/file-globs.ts';
import { lineStarts } from '../../../domains/code/search/lines.ts';
import { plainLine } from '../../../domains/code/search/plain-text.ts';
import type { Corpus } from '../../../domains/code/search/bm25.ts';
import { ContentBlocks, KEPT_BLOCK_BYTES } from './content-blocks.ts';
import { ImmutableFile, IndexFileRefused, textOf } from './open-immutable.ts';

/** Chunks whose facts are read by one statement: a few ms. */
const SLICE = 20_000;
const KEPT_FILTERS = 8;
/** Texts kept for the next page or the next question, and how long they may be. */
const KEPT_TEXTS = 32;
const MAX_KEPT_TEXT = 64 * 1024;

/** One live file of the generation. */
export interface IndexedFile {
  /** Its place in {@link GenerationReader.files}. */
  readonly index: number;
  readonly path: string;
  readonly segment: number;
  readonly local: number;
  readonly language: string;
  readonly flags: number;
}

/** One segment, with what is dead told from what is live. */
export interface SegmentReader {
  readonly index: number;
  /** Never another segment's, in whatever generation of the repository. */
  readonly name: string;
  readonly text: ImmutableFile;
  readonly contents: ContentBlocks;
  /** Absent before its symbols are read. */
  readonly symbols?: ImmutableFile;
  /** By local number: the file's index, or -1 for a dead one. */
  readonly fileOf: Int32Array;
}

/** What ranking needs of a segment's chunks, by chunk id. */
export interface ChunkTable {
  /** The file's index, or -1 for a dead one. */
  readonly file: Int32Array;
  readonly length: Int32Array;
}

/** A file's text with its lines, which are counted when first asked for. */
export class FileText {
  readonly text: string;
  #starts: Uint32Array | undefined;

  constructor(text: string) {
    this.text = text;
  }

  get starts(): Uint32Array {
    return (this.#starts ??= lineStarts(this.text));
  }
}

/** Called between small steps of work; throws when the call is to stop. */
export type Alive = () => void;

/** One generation of one repository's index, open. Everything is read from this folder and nowhere else. */
export class GenerationReader implements Disposable {
  /** In order of their paths. */
  readonly files: readonly IndexedFile[];
  readonly segments: readonly SegmentReader[];
  readonly #byPath = new Map<string, IndexedFile>();
  readonly #opened: ImmutableFile[] = [];
  readonly #filters = new BoundedMap<string, Uint8Array>({ maxSize: KEPT_FILTERS });
  readonly #texts = new BoundedMap<number, FileText>({ maxSize: KEPT_TEXTS });
  #chunks: { readonly tables: readonly ChunkTable[]; readonly corpus: Corpus } | undefined;

  constructor({ folder, stage }: IndexSource, alive: Alive) {
    try {
      const manifest = this.#open(folder, 'manifest.db');
      const segments = manifest.all('select id, name, files, has_symbols from segment order by id');
      this.files = readFiles(manifest, new Map(segments.map(([id], index) => [Number(id), index])), alive);
      this.segments = segments.map(([, name, files, hasSymbols], index) => {
        const base = segmentName(name);
        const symbols = stage === 'complete' && hasSymbols === 1 ? { symbols: this.#open(folder, `${base}.symbols.db`) } : {};
        const fileOf = new Int32Array(Number(files)).fill(-1);
        const text = this.#open(folder, `${base}.text.db`);
        return { index, name: base, text, contents: new ContentBlocks(text), ...symbols, fileOf };
      });
      for (const file of this.files) {
        this.#byPath.set(file.path, file);
        const fileOf = this.segments[file.segment]?.fileOf;
        if (fileOf !== undefined) fileOf[file.local] = file.index;
      }
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Roughly what it holds in memory, without pages of its files. */
  get bytes(): number {
    const chunks = this.#chunks?.tables.reduce((sum, { file }) => sum + file.length * 8, 0) ?? 0;
    return this.files.length * 250 + chunks + this.segments.length * (100_000 + KEPT_BLOCK_BYTES) + KEPT_TEXTS * MAX_KEPT_TEXT;
  }

  /** Are there symbols of every file? */
  get hasSymbols(): boolean {
    return this.segments.every(({ symbols }) => symbols !== undefined);
  }

  fileAt(path: string): IndexedFile | undefined {
    return this.#byPath.get(path);
  }

  /** The file whose path is shown so: paths with unsafe characters are shown with others. */
  fileShownAs(path: string): IndexedFile | undefined {
    return this.fileAt(path) ?? (path.includes('\ufffd') ? this.files.find((file) => plainLine(file.path) === path) : undefined);
  }

  file(index: number): IndexedFile | undefined {
    return this.files[index];
  }

  /** A file's text. Errors: `IndexFileRefused` when the segment lacks it, which a sound index never does. */
  content(file: IndexedFile): FileText {
    const known = this.#texts.get(file.index);
    if (known !== undefined) return known;
    const content = this.#unpack(file);
    const text = new FileText(content);
    if (content.length <= MAX_KEPT_TEXT) this.#texts.set(file.index, text);
    return text;
  }

  #unpack({ segment, local }: IndexedFile): string {
    return this.segments[segment]?.contents.read(local).toString('utf8') ?? '';
  }

  /** Chunks by id, and the sums over all live ones; read at first use. */
  chunks(alive: Alive): { readonly tables: readonly ChunkTable[]; readonly corpus: Corpus } {
    if (this.#chunks !== undefined) return this.#chunks;
    const tables = this.segments.map((segment) => readChunks(segment, alive));
    let chunks = 0;
    let terms = 0;
    for (const { file, length } of tables) {
      for (let id = 0; id < file.length; id += 1) {
        if ((file[id] ?? -1) < 0) continue;
        chunks += 1;
        terms += length[id] ?? 0;
      }
    }
    this.#chunks = { tables, corpus: { chunks, terms } };
    return this.#chunks;
  }

  /** One byte a file: 1 = it meets the conditions. Undefined when there are none. */
  allowed({ languages, paths }: FileFilter, alive: Alive): Uint8Array | undefined {
    if (languages === undefined && paths === undefined) return undefined;
    const key = JSON.stringify([languages, paths]);
    const known = this.#filters.get(key);
    if (known !== undefined) return known;
    const ofLanguage = languages === undefined ? undefined : new Set(languages);
    const fits = paths === undefined ? () => true : pathFilter(paths);
    const allowed = new Uint8Array(this.files.length);
    for (const { index, path, language } of this.files) {
      if ((index & 255) === 0) alive();
      if (ofLanguage?.has(language) !== false && fits(path)) allowed[index] = 1;
    }
    this.#filters.set(key, allowed);
    return allowed;
  }

  [Symbol.dispose](): void {
    for (const file of this.#opened.splice(0)) file[Symbol.dispose]();
  }

  #open(folder: string, name: string): ImmutableFile {
    const file = new ImmutableFile(folder, name);
    this.#opened.push(file);
    return file;
  }
}

/** Names of segments become names of files: letters, digits, `-` and `_` only. */
function segmentName(name: unknown): string {
  if (typeof name !== 'string' || !/^[\w-]{1,100}$/.test(name)) throw new IndexFileRefused('The index names a segment that cannot be.');
  return name;
}

function readFiles(manifest: ImmutableFile, places: ReadonlyMap<number, number>, alive: Alive): readonly IndexedFile[] {
  const files: IndexedFile[] = [];
  const languages = new Map<string, string>();
  for (const [path, segment, local, language, flags] of manifest.each('select path, segment, local, language, flags from file order by path')) {
    const index = files.length;
    if ((index & 1023) === 0) alive();
    const name = languages.get(textOf(language)) ?? textOf(language);
    languages.set(name, name);
    files.push({ index, path: textOf(path), segment: places.get(Number(segment)) ?? -1, local: Number(local), language: name, flags: Number(flags) });
  }
  return files;
}

function readChunks({ symbols, fileOf }: SegmentReader, alive: Alive): ChunkTable {
  const [last] = symbols?.first('select max(id) from chunk') ?? [];
  const count = typeof last === 'number' ? last + 1 : 0;
  const file = new Int32Array(count).fill(-1);
  const length = new Int32Array(count);
  for (let from = 0; from < count; from += SLICE) {
    alive();
    const sql = 'select json_group_array(id), json_group_array(local), json_group_array(terms) from chunk where id >= ? and id < ?';
    const columns = symbols?.first(sql, from, from + SLICE) ?? [];
    const [ids = [], locals = [], terms = []] = columns.map((column) => JSON.parse(textOf(column)) as number[]);
    for (const [at, id] of ids.entries()) {
      file[id] = fileOf[locals[at] ?? -1] ?? -1;
      length[id] = terms[at] ?? 0;
    }
  }
  return { file, length };
}
