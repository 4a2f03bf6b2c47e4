import type { AnalysedFile, AnalysedGeneration, MeasuredFunction } from './generation.ts';
import { Pace } from './pace.ts';

export interface KitFile {
  readonly path: string;
  readonly text?: string;
  readonly language?: string;
  readonly imports?: readonly string[];
  /** Name, line, last line, cyclomatic, cognitive. */
  readonly functions?: readonly (readonly [string, number, number, number, number])[];
  readonly traits?: Partial<AnalysedFile>;
}

/** A generation made of what a test says, in order of its paths. */
export function generationOf(given: readonly KitFile[]): AnalysedGeneration {
  const files = given.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const functions = files.flatMap(({ functions: own = [] }, file) =>
    own.map(([name, line, endLine, cyclomatic, cognitive]) => ({ name, file, line, endLine, cyclomatic, cognitive })),
  );
  return {
    files: files.map(({ path, text = '', language = 'python', functions: own = [], traits }) => ({
      path,
      language,
      bytes: text.length,
      lines: text.split('\n').length,
      symbols: own.length,
      generated: false,
      test: false,
      minified: false,
      vendored: false,
      ...traits,
    })),
    skipped: () => [],
    parses: () => files.map((_, file) => ({ file, method: 'grammar', hasErrors: false })),
    kinds: () => files.map(({ functions: own = [] }, file) => ({ file, kind: 'function', count: own.length })),
    functions: () => functions.map(({ name: _name, ...each }, id): MeasuredFunction => ({ ...each, id: String(id) })),
    nameOf: (id) => ({ name: functions[Number(id)]?.name ?? '', container: '' }),
    imports: () => files.flatMap(({ imports = [] }, file) => imports.map((target) => ({ file, target }))),
    contents: (isWanted) => files.map(({ text = '' }, file) => ({ file, bytes: Buffer.from(text) })).filter(({ file }) => isWanted(file)),
  };
}

/** A pace without end, or one whose budget is used up. */
export function paceOf(budgetMs = Infinity): Pace {
  return new Pace({ spentMs: () => 0, budgetMs, breathe: async () => {}, report: () => {} });
}
