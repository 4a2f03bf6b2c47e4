import { DatabaseSync } from 'node:sqlite';
import { decodeIds, decodeWeighted } from '../../domains/code/index/postings.ts';
import { generationFiles } from '../../storage/sqlite/code/generation-files.ts';
import { ContentBlocks, unpacked } from '../../storage/sqlite/code/content-blocks.ts';
import { ImmutableFile } from '../../storage/sqlite/code/open-immutable.ts';
import { readManifest, type StoredIndex } from '../../storage/sqlite/code/manifest-reader.ts';

/** All that can be found in a generation, by path and line, in an order of its own: two indexes of the same source have the same. */
export interface IndexContents {
  readonly files: readonly string[];
  readonly skipped: readonly string[];
  readonly texts: readonly string[];
  readonly symbols: readonly string[];
  readonly references: readonly string[];
  readonly chunks: readonly string[];
  readonly terms: readonly string[];
  readonly imports: readonly string[];
  readonly parses: readonly string[];
  /** Trigram and the files that may hold it. */
  readonly trigrams: readonly string[];
}

/** Reads a whole generation as its readers would: only what the manifest names is there. */
export function indexContents(folder: string): IndexContents {
  const index = readManifest(folder);
  if (index === undefined) throw new Error(`no manifest in ${folder}`);
  const parts = index.segments.map(({ id, name }) => segmentContents(folder, name, livePaths(index, id)));
  const all = (key: keyof (typeof parts)[number]): string[] => parts.flatMap((part) => part[key]).sort();
  return {
    files: fileRows(folder),
    skipped: index.skipped.map(({ path, reason }) => `${path} ${reason}`).sort(),
    texts: all('texts'),
    symbols: all('symbols'),
    references: all('references'),
    chunks: all('chunks'),
    terms: all('terms'),
    imports: all('imports'),
    parses: all('parses'),
    trigrams: all('trigrams'),
  };
}

function livePaths({ files }: StoredIndex, segment: number): ReadonlyMap<number, string> {
  return new Map(files.flatMap((file) => (file.segment === segment ? [[file.local, file.path] as const] : [])));
}

function fileRows(folder: string): string[] {
  using db = new DatabaseSync(generationFiles.manifest(folder), { readOnly: true });
  const rows = db.prepare('select path, blob, bytes, lines, language, flags, symbols, chunks, not_parsed from file order by path').all();
  return rows.map((row) => JSON.stringify(row));
}

function segmentContents(folder: string, name: string, paths: ReadonlyMap<number, string>) {
  using text = new DatabaseSync(generationFiles.text(folder, name), { readOnly: true });
  using db = new DatabaseSync(generationFiles.symbols(folder, name), { readOnly: true });
  const chunks = new Map(
    db
      .prepare('select id, local, line from chunk')
      .all()
      .map((row) => [Number(row['id']), row]),
  );
  const ofFile = (local: number, shown: string): string[] => (paths.has(local) ? [`${paths.get(local)} ${shown}`] : []);
  /** `sql` answers with `local` and `shown`. */
  const live = (sql: string): string[] =>
    db
      .prepare(sql)
      .all()
      .flatMap(({ local, shown }) => ofFile(Number(local), String(shown)));
  using contents = new ImmutableFile(folder, `${name}.text.db`);
  const blocks = new ContentBlocks(contents);
  const trigrams = text.prepare('select code, postings from trigram').all();
  const terms = db.prepare('select term, bytes, postings from term').all();
  return {
    texts: contents.all('select local, bytes from content').flatMap(([local, bytes]) => {
      return ofFile(Number(local), `${Number(bytes)} ${blocks.read(Number(local)).toString()}`);
    }),
    trigrams: trigrams.flatMap(({ code, postings }) => [...decodeIds(postings as Uint8Array)].flatMap((local) => ofFile(local, String(code)))),
    symbols: live(`select local, ${SYMBOL_AS_JSON} shown from symbol`),
    references: live(`select local, name || ' ' || n shown from reference`),
    chunks: live(
      `select c.local, json_array(c.line, c.end_line, c.terms, s.name, s.local = c.local) shown from chunk c left join symbol s on s.id = c.symbol`,
    ),
    terms: terms.flatMap(({ term, bytes, postings }) => {
      const packed = postings as Uint8Array;
      const { ids, weights } = decodeWeighted(bytes === 0 ? packed : unpacked(packed, Number(bytes)));
      return [...ids].flatMap((id, at) => {
        const { local, line } = chunks.get(id) ?? {};
        return ofFile(Number(local), `${Number(line)} ${String(term)} ${weights[at]}`);
      });
    }),
    imports: live('select local, target shown from import'),
    parses: live('select local, json_array(method, has_errors, not_parsed) shown from parse'),
  };
}

const SYMBOL_AS_JSON = `json_object('name', name, 'name_key', name_key, 'kind', kind, 'line', line, 'end_line', end_line, 'container', container,
  'signature', signature, 'complexity', json_array(cyclomatic, cognitive, nesting, parameters))`;
