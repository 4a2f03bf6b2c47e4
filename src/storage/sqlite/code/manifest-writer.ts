import { renameSync } from 'node:fs';
import type { IndexedFile, IndexSegment, SkippedFile } from '../../../domains/code/index/index-state.ts';
import type { SyncReport } from '../../../domains/code/model.ts';
import { generationFiles } from './generation-files.ts';
import { MANIFEST_SCHEMA } from './segment-schema.ts';
import { attempt, WriteOnceFile } from './write-once-file.ts';

/** Up to so many names of each kind stand in a report. */
const MAX_EXAMPLES = 20;

/** What the symbol stage has found out about a file. */
export type ParsedCounts = Pick<IndexedFile, 'symbols' | 'chunks' | 'notParsed'>;

/** What a report says of the live files. */
export type ManifestSummary = Pick<SyncReport, 'filesIndexed' | 'skipped' | 'notParsed' | 'symbols' | 'languages' | 'sourceBytes'> & {
  readonly chunks: number;
};

/** Writes a generation's `manifest.db`: from nothing, or from another generation's. Unseen until {@link ManifestWriter.publish}. */
export class ManifestWriter implements Disposable {
  readonly #folder: string;
  readonly #file: WriteOnceFile;
  readonly #insert;

  /** `from` is the folder whose manifest it begins with, its own for the second stage. */
  constructor(folder: string, from?: string) {
    this.#folder = folder;
    const path = generationFiles.nextManifest(folder);
    this.#file = from === undefined ? WriteOnceFile.create(path, MANIFEST_SCHEMA) : WriteOnceFile.copyOf(generationFiles.manifest(from), path);
    this.#insert = this.#file.prepare(
      `insert into file (path, segment, local, blob, bytes, lines, language, flags, stat, symbols, chunks, not_parsed)
       values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
  }

  /** Takes rows out and answers how many chunks they had. */
  drop(ids: Iterable<number>): number {
    const remove = this.#file.prepare('delete from file where id = ? returning chunks');
    let chunks = 0;
    for (const id of ids) chunks += Number(remove.get(id)?.['chunks'] ?? 0);
    return chunks;
  }

  add(file: IndexedFile): void {
    const { path, segment, local, blob, bytes, lines, language, flags, stat = null, symbols, chunks, notParsed = null } = file;
    attempt(this.#file.path, () => this.#insert.run(path, segment, local, blob, bytes, lines, language, flags, stat, symbols, chunks, notParsed));
  }

  touch(rows: Iterable<{ readonly row: { readonly id: number }; readonly stat: string }>): void {
    const update = this.#file.prepare('update file set stat = ? where id = ?');
    for (const { row, stat } of rows) update.run(stat, row.id);
  }

  parsed(segment: number, local: number, { symbols, chunks, notParsed }: ParsedCounts): void {
    this.#parsed ??= this.#file.prepare('update file set symbols = ?, chunks = ?, not_parsed = ? where segment = ? and local = ?');
    this.#parsed.run(symbols, chunks, notParsed ?? null, segment, local);
  }

  #parsed: ReturnType<WriteOnceFile['prepare']> | undefined;

  /** All of them, in place of those before. */
  setSkipped(files: Iterable<SkippedFile>): void {
    this.#file.exec('delete from skipped');
    const insert = this.#file.prepare('insert or ignore into skipped (path, reason, blob, stat) values (?, ?, ?, ?)');
    for (const { path, reason, blob = null, stat = null } of files) insert.run(path, reason, blob, stat);
  }

  /** All of them, in place of those before. */
  setSegments(segments: Iterable<IndexSegment>): void {
    this.#file.exec('delete from segment');
    const insert = this.#file.prepare('insert into segment (id, name, files, bytes, chunks, terms, has_symbols) values (?, ?, ?, ?, ?, ?, ?)');
    for (const { id, name, files, bytes, chunks, terms, hasSymbols } of segments) {
      insert.run(id, name, files, bytes, chunks, terms, hasSymbols ? 1 : 0);
    }
  }

  setMeta(values: Readonly<Record<string, string>>): void {
    const put = this.#file.prepare('insert into meta (key, value) values (?, ?) on conflict (key) do update set value = excluded.value');
    for (const [key, value] of Object.entries(values)) put.run(key, value);
  }

  summary(): ManifestSummary {
    const totals = this.#file.prepare('select count(*) n, sum(bytes) bytes, sum(symbols) symbols, sum(chunks) chunks from file').get();
    const languages = this.#file.prepare(
      'select language, count(*) files, sum(bytes) bytes, sum(lines) lines from file group by language order by bytes desc, language',
    );
    return {
      filesIndexed: Number(totals?.['n'] ?? 0),
      sourceBytes: Number(totals?.['bytes'] ?? 0),
      symbols: Number(totals?.['symbols'] ?? 0),
      chunks: Number(totals?.['chunks'] ?? 0),
      languages: languages.all() as unknown as SyncReport['languages'],
      skipped: this.#byReason('skipped', 'reason') as SyncReport['skipped'],
      notParsed: this.#byReason('file', 'not_parsed') as SyncReport['notParsed'],
    };
  }

  /** Of the file as it is now. */
  get bytes(): number {
    const { pages = 0 } = this.#file.prepare('select page_count * page_size pages from pragma_page_count(), pragma_page_size()').get() ?? {};
    return Number(pages);
  }

  /** Closes it and gives it its name. */
  publish(): void {
    this.#file.seal();
    attempt(this.#file.path, () => renameSync(this.#file.path, generationFiles.manifest(this.#folder)));
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
  }

  #byReason(table: 'skipped' | 'file', column: 'reason' | 'not_parsed'): { reason: string; count: number; examples: string[] }[] {
    const reasons = this.#file.prepare(`select ${column} reason, count(*) n from ${table} where ${column} is not null group by 1 order by n desc, 1`);
    const examples = this.#file.prepare(`select path from ${table} where ${column} = ? order by path limit ${MAX_EXAMPLES}`);
    return reasons.all().map(({ reason, n }) => ({
      reason: String(reason),
      count: Number(n),
      examples: examples.all(reason ?? null).map(({ path }) => String(path)),
    }));
  }
}
