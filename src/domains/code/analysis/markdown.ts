import { markdownText as text, table } from './markdown-text.ts';
import type { AnalysisHead } from './outputs.ts';
import { type AnalysisParts, PHASES, type PhaseName, type PhaseResult, type Place } from './result.ts';

/** Rows of a list on the page; the data has more. */
const ROWS = 20;

const TITLES: Readonly<Record<PhaseName, string>> = {
  coverage: 'Coverage',
  languages: 'Languages',
  symbols: 'Symbols',
  complexity: 'Complexity',
  largest: 'Largest',
  dependencies: 'Dependencies',
  changes: 'Changes',
  duplicates: 'Duplicates',
  delta: 'Since the analysis before',
};

/** An analysis as a page. All that comes from the repository is escaped: it shows and means nothing. */
export function renderAnalysis(name: string, head: AnalysisHead, parts: AnalysisParts): string {
  const lines = [
    `# Analysis of ${text(name)}`,
    '',
    `State: ${head.state}. Generation ${head.generation}, tree ${text(head.treeId)}, begun ${head.startedAt}.`,
    '',
  ];
  for (const phase of PHASES) {
    const result = parts[phase];
    if (result === undefined) continue;
    lines.push(`## ${TITLES[phase]}`, '', ...cutNote(result), ...sectionOf(phase, parts));
  }
  return `${lines.join('\n').trimEnd()}\n`;
}

function cutNote({ complete, cut }: PhaseResult<PhaseName>): string[] {
  if (complete) return [];
  return cut === undefined
    ? ['Not whole: a phase it rests on was cut.', '']
    : [`Not whole: cut by its budget of ${cut.budget} after ${cut.done} of ${cut.total} ${cut.unit}.`, ''];
}

function sectionOf(phase: PhaseName, parts: AnalysisParts): string[] {
  const render = SECTIONS[phase] as (result: unknown) => string[];
  return render(parts[phase]);
}

const SECTIONS: { readonly [Name in PhaseName]: (result: PhaseResult<Name>) => string[] } = {
  coverage: ({ filesSeen, files, bytes, parsed, skipped, notParsed, parseErrors }) => [
    `${files} of ${filesSeen} files are indexed, ${bytes} bytes: ${parsed.grammar} by grammar, ${parsed.lines} by lines, ${parsed.textOnly} as text only. ${parseErrors.count} have places that do not fit their grammar.`,
    '',
    ...table(
      ['Left out', 'Files', 'Such as'],
      [...skipped, ...notParsed].map(({ reason, count, examples }) => [text(reason), count, paths(examples, 3)]),
    ),
  ],
  languages: ({ files, lines, bytes, languages }) => [
    `${files} files, ${lines} lines, ${bytes} bytes.`,
    '',
    ...table(
      ['Language', 'Files', 'Lines', 'Bytes'],
      languages.slice(0, ROWS).map((each) => [text(each.language), each.files, each.lines, each.bytes]),
    ),
  ],
  symbols: ({ total, byKind, mostSymbols }) => [
    `${total} definitions.`,
    '',
    ...table(
      ['Kind', 'Count'],
      byKind.map(({ kind, count }) => [text(kind), count]),
    ),
    ...table(
      ['Most in', 'Symbols', 'Lines'],
      mostSymbols.slice(0, ROWS).map((each) => [text(each.path), each.symbols, each.lines]),
    ),
  ],
  complexity: ({ functions, unmeasured, cyclomatic, cognitive, distribution, worst }) => [
    `${functions} functions measured, ${unmeasured} not.`,
    '',
    ...table(
      ['Measure', 'p50', 'p90', 'p99', 'Most'],
      [
        ['cyclomatic', cyclomatic.p50, cyclomatic.p90, cyclomatic.p99, cyclomatic.max],
        ['cognitive', cognitive.p50, cognitive.p90, cognitive.p99, cognitive.max],
      ],
    ),
    ...table(
      ['Cyclomatic', 'Functions'],
      distribution.map(({ from, to, functions: count }) => [to === undefined ? `${from} and more` : `${from} to ${to}`, count]),
    ),
    ...places(worst),
  ],
  largest: ({ files, functions }) => [
    ...table(
      ['File', 'Lines', 'Bytes'],
      files.slice(0, ROWS).map((each) => [text(each.path), each.lines, each.bytes]),
    ),
    ...table(
      ['Function', 'In', 'Lines'],
      functions.slice(0, ROWS).map((each) => [text(each.symbol), at(each), each.length]),
    ),
  ],
  dependencies: ({ nodes, edges, imports, cycles, mostImported, orphans, externals, externalCount }) => [
    `${edges} dependencies between ${nodes} files or packages; of the imports ${imports.resolved} lead to them, ${imports.external} elsewhere, ${imports.unresolved} nowhere known, ${imports.unsupported} are of languages without rules. ${orphans.count} files stand alone.`,
    '',
    `${cycles.count} cycles with ${cycles.nodes} members.`,
    '',
    ...table(
      ['Cycle of', 'Members'],
      cycles.largest.map(({ size, members }) => [size, paths(members, 6)]),
    ),
    ...table(
      ['Most imported', 'By'],
      mostImported.slice(0, ROWS).map((each) => [text(each.path), each.count]),
    ),
    ...table(
      [`Elsewhere (${externalCount})`, 'Files'],
      externals.slice(0, ROWS).map((each) => [text(each.name), each.files]),
    ),
  ],
  changes: ({ unavailable = '', mostChanged = [], hotSpots = [] }) => [
    ...(unavailable === '' ? [] : [text(unavailable), '']),
    ...table(
      ['Hot spot', 'Commits', 'Complexity'],
      hotSpots.slice(0, ROWS).map((each) => [text(each.path), each.commits, each.cyclomatic]),
    ),
    ...table(
      ['Most changed', 'Commits', 'Authors'],
      mostChanged.slice(0, ROWS).map((each) => [text(each.path), each.commits, each.authors]),
    ),
  ],
  duplicates: ({ files, tokens, duplicatedTokens, ratio, clusterCount, clusters }) => [
    `${(ratio * 100).toFixed(2)} % of ${tokens} tokens in ${files} files stand twice or more (${duplicatedTokens}), in ${clusterCount} clusters.`,
    '',
    ...table(
      ['Tokens', 'Lines', 'Places'],
      clusters
        .slice(0, ROWS)
        .map((each) => [each.tokens, each.lines, each.places.slice(0, 4).map(at).join('<br>') + more(each.places.length + each.morePlaces - 4)]),
    ),
  ],
  delta: ({ against, totals, newWorst, fixedWorst }) => [
    ...(against === undefined ? ['There was none.', ''] : [`Against generation ${against.generation}, finished ${against.finishedAt}.`, '']),
    ...table(
      ['Total', 'Before', 'Now'],
      totals.map(({ name, before, after }) => [text(name), before, after]),
    ),
    ...(newWorst.length > 0 ? ['New or worse:', '', ...places(newWorst)] : []),
    ...(fixedWorst.length > 0 ? ['Better or gone:', ''] : []),
    ...table(
      ['Function', 'In', 'Before', 'Now'],
      fixedWorst.map((each) => [text(each.symbol), text(each.path), each.before, each.now ?? 'gone']),
    ),
  ],
};

function places(worst: readonly Place[]): string[] {
  return table(
    ['Function', 'In', 'Cyclomatic', 'Cognitive', 'Lines'],
    worst.slice(0, ROWS).map((each) => [text(each.symbol), at(each), each.cyclomatic, each.cognitive, each.length]),
  );
}

function at({ path, line }: { readonly path: string; readonly line: number }): string {
  return `${text(path)}:${line}`;
}

function paths(all: readonly string[], shown: number): string {
  return all.slice(0, shown).map(text).join('<br>') + more(all.length - shown);
}

function more(count: number): string {
  return count > 0 ? '<br>…' : '';
}
