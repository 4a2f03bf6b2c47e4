import type { SkipReason } from '../model.ts';
import type { AnalysedFile, AnalysedGeneration, MeasuredFunction } from './generation.ts';
import type { Pace } from './pace.ts';
import type { Findings } from './result.ts';
import { placeRank, Ranking, Tally } from './top-lists.ts';

const EXAMPLES = 20;
const LISTED = 50;
const LANGUAGES_LISTED = 200;

/** What the index holds of the source, and what it does not, with the reason. */
export async function findCoverage(generation: AnalysedGeneration, pace: Pace): Promise<Findings<'coverage'>> {
  const { files } = generation;
  const skipped = new Tally(EXAMPLES);
  const notParsed = new Tally(EXAMPLES);
  const errors = new Tally(EXAMPLES);
  const methods = new Tally(0);
  const traits = { tests: 0, generated: 0, minified: 0, vendored: 0 };
  let bytes = 0;
  await pace.each(files, (file) => {
    bytes += file.bytes;
    countTraits(traits, file);
    if (file.notParsed !== undefined) notParsed.add(file.notParsed, file.path);
    return 1;
  });
  await pace.each(generation.skipped(), ({ path, reason }) => {
    skipped.add(reason, path);
    return 0;
  });
  await pace.each(generation.parses(), ({ file, method, hasErrors }) => {
    methods.add(method);
    if (hasErrors) errors.add('errors', files[file]?.path ?? '');
    return 0;
  });
  const parsed = new Map(methods.entries().map(({ key, count }) => [key, count]));
  const [withErrors = { count: 0, examples: [] }] = errors.entries();
  const reasons = skipped.entries();
  return {
    filesSeen: files.length + reasons.reduce((sum, { count }) => sum + count, 0),
    files: files.length,
    bytes,
    parsed: { grammar: parsed.get('grammar') ?? 0, lines: parsed.get('lines') ?? 0, textOnly: parsed.get('none') ?? 0 },
    skipped: reasons.map(({ key, count, examples }) => ({ reason: key as SkipReason, count, examples })),
    notParsed: notParsed.entries().map(({ key, count, examples }) => ({ reason: key, count, examples })),
    parseErrors: { count: withErrors.count, examples: withErrors.examples },
    traits,
  };
}

function countTraits(traits: { tests: number; generated: number; minified: number; vendored: number }, file: AnalysedFile): void {
  traits.tests += file.test ? 1 : 0;
  traits.generated += file.generated ? 1 : 0;
  traits.minified += file.minified ? 1 : 0;
  traits.vendored += file.vendored ? 1 : 0;
}

/** Files, lines and bytes by language, most bytes first. */
export async function findLanguages({ files }: AnalysedGeneration, pace: Pace): Promise<Findings<'languages'>> {
  const known = new Map<string, { language: string; files: number; lines: number; bytes: number; symbols: number }>();
  const total = { files: 0, lines: 0, bytes: 0 };
  await pace.each(files, ({ language, lines, bytes, symbols }) => {
    const entry = known.get(language) ?? { language, files: 0, lines: 0, bytes: 0, symbols: 0 };
    known.set(language, entry);
    entry.symbols += symbols;
    for (const sum of [entry, total]) {
      sum.files += 1;
      sum.lines += lines;
      sum.bytes += bytes;
    }
    return 1;
  });
  const languages = [...known.values()].sort((a, b) => b.bytes - a.bytes || (a.language < b.language ? -1 : 1));
  return { ...total, languages: languages.slice(0, LANGUAGES_LISTED) };
}

/** Definitions by kind, and the files with most of them. */
export async function findSymbols(generation: AnalysedGeneration, pace: Pace): Promise<Findings<'symbols'>> {
  const kinds = new Tally(0);
  const most = new Ranking<{ path: string; symbols: number; lines: number }>(LISTED);
  let last = -1;
  await pace.each(generation.kinds(), ({ file, kind, count }) => {
    kinds.add(kind, undefined, count);
    const isNext = file !== last;
    last = file;
    return isNext ? 1 : 0;
  });
  for (const [rank, { path, symbols, lines }] of generation.files.entries()) {
    if (symbols > 0) most.offer(symbols, rank, () => ({ path, symbols, lines }));
  }
  const byKind = kinds.entries().map(({ key, count }) => ({ kind: key, count }));
  return { total: byKind.reduce((sum, { count }) => sum + count, 0), byKind, mostSymbols: most.values() };
}

/** The longest files and functions; generated and minified files are no one's writing and left out. */
export async function findLargest(generation: AnalysedGeneration, pace: Pace): Promise<Findings<'largest'>> {
  const { files } = generation;
  const largeFiles = new Ranking<Findings<'largest'>['files'][number]>(LISTED);
  const largeFunctions = new Ranking<MeasuredFunction>(LISTED);
  for (const [rank, { path, lines, bytes, generated, minified }] of files.entries()) {
    if (!generated && !minified) largeFiles.offer(lines, rank, () => ({ path, lines, bytes }));
  }
  await pace.each(generation.functions(), (each) => {
    const file = files[each.file];
    if (file !== undefined && !file.generated && !file.minified) {
      largeFunctions.offer(lengthOf(each), placeRank(each.file, each.line), () => each);
    }
    return 1;
  });
  const functions = largeFunctions.values().map((each) => ({
    path: files[each.file]?.path ?? '',
    symbol: fullName(generation, each.id),
    line: each.line,
    length: lengthOf(each),
    ...(each.parameters !== undefined && { parameters: each.parameters }),
  }));
  return { files: largeFiles.values(), functions };
}

/** In lines. */
export function lengthOf({ line, endLine }: Pick<MeasuredFunction, 'line' | 'endLine'>): number {
  return Math.max(1, endLine - line + 1);
}

/** A name with those around it. */
export function fullName(generation: Pick<AnalysedGeneration, 'nameOf'>, id: string): string {
  const { name, container } = generation.nameOf(id);
  return container === '' ? name : `${container}.${name}`;
}
