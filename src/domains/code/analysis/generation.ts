import type { SkipReason } from '../model.ts';

/** One live file of the generation that is analysed. */
export interface AnalysedFile {
  readonly path: string;
  readonly language: string;
  readonly bytes: number;
  readonly lines: number;
  readonly symbols: number;
  readonly generated: boolean;
  readonly test: boolean;
  readonly minified: boolean;
  readonly vendored: boolean;
  readonly notParsed?: string;
}

/** A function with what was measured of it. `id` names it for {@link AnalysedGeneration.nameOf}. */
export interface MeasuredFunction {
  readonly file: number;
  readonly id: string;
  readonly line: number;
  readonly endLine: number;
  /** Absent where the language has no measure, or the file was read by lines. */
  readonly cyclomatic?: number;
  readonly cognitive?: number;
  readonly nesting?: number;
  readonly parameters?: number;
}

/**
 * What the phases of an analysis read out of one generation of an index. A `file` is a place in `files`. All strings come from
 * the repository. Rows come in the order they are stored in, each call from the beginning.
 */
export interface AnalysedGeneration {
  /** In order of their paths. */
  readonly files: readonly AnalysedFile[];
  skipped(): Iterable<{ readonly path: string; readonly reason: SkipReason }>;
  parses(): Iterable<{ readonly file: number; readonly method: string; readonly hasErrors: boolean }>;
  /** Numbers of symbols by file and kind. */
  kinds(): Iterable<{ readonly file: number; readonly kind: string; readonly count: number }>;
  functions(): Iterable<MeasuredFunction>;
  nameOf(id: string): { readonly name: string; readonly container: string };
  /** Targets as written. */
  imports(): Iterable<{ readonly file: number; readonly target: string }>;
  /** UTF-8 of the wanted files, one after the other; each is good until the next one comes. */
  contents(isWanted: (file: number) => boolean): Iterable<{ readonly file: number; readonly bytes: Uint8Array }>;
}
