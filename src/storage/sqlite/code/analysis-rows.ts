import type { AnalysedFile, AnalysedGeneration, MeasuredFunction } from '../../../domains/code/analysis/generation.ts';
import type { SkipReason } from '../../../domains/code/model.ts';
import { plainLine } from '../../../domains/code/search/plain-text.ts';
import { ContentBlocks } from './content-blocks.ts';
import { ImmutableFile, IndexFileRefused, type Row, textOf } from './open-immutable.ts';
import { FILE_FLAGS } from './segment-schema.ts';

const DEAD = -1;

interface Segment {
  readonly text: ImmutableFile;
  readonly symbols?: ImmutableFile;
  /** By local number: the file's place, or -1 for a dead one. */
  readonly fileOf: Int32Array;
}

/**
 * One generation of an index, read row by row from its beginning to its end. All its files are opened at once, so that it can be read
 * to the end when its folder is removed meanwhile. Errors: `IndexFileRefused`, or the driver's when a file is gone or damaged.
 */
export class AnalysisRows implements AnalysedGeneration, Disposable {
  /** In order of their paths. */
  readonly files: readonly AnalysedFile[];
  readonly #manifest: ImmutableFile;
  readonly #segments: readonly Segment[];
  readonly #opened: ImmutableFile[] = [];

  constructor(folder: string) {
    try {
      this.#manifest = this.#open(folder, 'manifest.db');
      const segments = this.#manifest.all('select id, name, files, has_symbols from segment order by id');
      this.#segments = segments.map(([, name, files, hasSymbols]) => this.#openSegment(folder, textOf(name), Number(files), hasSymbols === 1));
      this.files = this.#readFiles(new Map(segments.map(([id], index) => [Number(id), index])));
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  *skipped(): Generator<{ readonly path: string; readonly reason: SkipReason }> {
    for (const [path, reason] of this.#manifest.each('select path, reason from skipped order by path')) {
      yield { path: textOf(path), reason: textOf(reason) as SkipReason };
    }
  }

  *parses(): Generator<{ readonly file: number; readonly method: string; readonly hasErrors: boolean }> {
    for (const [file, , [, method, hasErrors]] of this.#live('select local, method, has_errors from parse')) {
      yield { file, method: textOf(method), hasErrors: hasErrors === 1 };
    }
  }

  *kinds(): Generator<{ readonly file: number; readonly kind: string; readonly count: number }> {
    const sql = 'select local, kind, count(*) from symbol group by local, kind';
    for (const [file, , [, kind, count]] of this.#live(sql)) yield { file, kind: textOf(kind), count: Number(count) };
  }

  *functions(): Generator<MeasuredFunction> {
    const sql = `select local, id, line, end_line, cyclomatic, cognitive, nesting, parameters from symbol
      where kind in ('function', 'method', 'constructor')`;
    for (const [file, segment, [, id, line, endLine, ...measures]] of this.#live(sql)) {
      const [cyclomatic, cognitive, nesting, parameters] = measures;
      yield {
        file,
        id: `${segment}:${Number(id)}`,
        line: Number(line),
        endLine: Number(endLine),
        ...(typeof cyclomatic === 'number' && { cyclomatic }),
        ...(typeof cognitive === 'number' && { cognitive }),
        ...(typeof nesting === 'number' && { nesting }),
        ...(typeof parameters === 'number' && { parameters }),
      };
    }
  }

  /** Made safe to show: names come from the repository. */
  nameOf(id: string): { readonly name: string; readonly container: string } {
    const [segment = '', row = ''] = id.split(':');
    const found = this.#segments[Number(segment)]?.symbols?.first('select name, container from symbol where id = ?', Number(row));
    return { name: plainLine(textOf(found?.[0])), container: plainLine(textOf(found?.[1])) };
  }

  *imports(): Generator<{ readonly file: number; readonly target: string }> {
    for (const [file, , [, target]] of this.#live('select local, target from import')) yield { file, target: textOf(target) };
  }

  *contents(isWanted: (file: number) => boolean): Generator<{ readonly file: number; readonly bytes: Uint8Array }> {
    for (const { text, fileOf } of this.#segments) {
      const contents = new ContentBlocks(text);
      for (const [local, file] of fileOf.entries()) {
        if (file !== DEAD && isWanted(file)) yield { file, bytes: contents.read(local) };
      }
    }
  }

  [Symbol.dispose](): void {
    for (const file of this.#opened.splice(0)) file[Symbol.dispose]();
  }

  /** Rows of all segments whose file, named by their first column, is live; with its place and the segment's. */
  *#live(sql: string): Generator<readonly [file: number, segment: number, row: Row]> {
    for (const [index, { symbols, fileOf }] of this.#segments.entries()) {
      for (const row of symbols?.each(sql) ?? []) {
        const file = fileOf[Number(row[0])] ?? DEAD;
        if (file !== DEAD) yield [file, index, row];
      }
    }
  }

  #openSegment(folder: string, name: string, files: number, hasSymbols: boolean): Segment {
    // Names of segments become names of files.
    if (!/^[\w-]{1,100}$/.test(name)) throw new IndexFileRefused('The index names a segment that cannot be.');
    const symbols = hasSymbols ? { symbols: this.#open(folder, `${name}.symbols.db`) } : {};
    return { text: this.#open(folder, `${name}.text.db`), ...symbols, fileOf: new Int32Array(files).fill(DEAD) };
  }

  #readFiles(places: ReadonlyMap<number, number>): readonly AnalysedFile[] {
    const files: AnalysedFile[] = [];
    const sql = 'select path, segment, local, language, bytes, lines, symbols, flags, not_parsed from file order by path';
    for (const row of this.#manifest.each(sql)) {
      const [path, segment, local, language, bytes, lines, symbols, flags, notParsed] = row;
      const fileOf = this.#segments[places.get(Number(segment)) ?? -1]?.fileOf;
      if (fileOf !== undefined) fileOf[Number(local)] = files.length;
      const counts = { bytes: Number(bytes), lines: Number(lines), symbols: Number(symbols) };
      const reason = notParsed === null ? {} : { notParsed: textOf(notParsed) };
      files.push({ path: textOf(path), language: textOf(language), ...counts, ...traitsOf(Number(flags)), ...reason });
    }
    return files;
  }

  #open(folder: string, name: string): ImmutableFile {
    const file = new ImmutableFile(folder, name);
    this.#opened.push(file);
    return file;
  }
}

function traitsOf(flags: number): Pick<AnalysedFile, 'generated' | 'test' | 'minified' | 'vendored'> {
  return {
    generated: (flags & FILE_FLAGS.generated) !== 0,
    test: (flags & FILE_FLAGS.test) !== 0,
    minified: (flags & FILE_FLAGS.minified) !== 0,
    vendored: (flags & FILE_FLAGS.vendored) !== 0,
  };
}
