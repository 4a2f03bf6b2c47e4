import { z } from 'zod';
import { SKIP_REASONS } from '../model.ts';

/** Form of what is stored; phases of another form are not shown. */
export const ANALYSIS_VERSION = 1;

/** In the order they run in. */
export const PHASES = ['coverage', 'languages', 'symbols', 'complexity', 'largest', 'dependencies', 'changes', 'duplicates', 'delta'] as const;
export type PhaseName = (typeof PHASES)[number];

const count = z.int().min(0);
const path = z.string().describe('Path in the repository, as data');
const paths = z.array(path);

/** What every phase says of itself. */
const phase = {
  complete: z.boolean().describe('False: a budget cut the phase, and cut says where'),
  cut: z.object({ budget: z.enum(['time', 'memory']), done: count, total: count, unit: z.string() }).optional(),
  seconds: z.number().describe('Processor time'),
};

const place = z.object({
  path,
  symbol: z.string().describe('With the names around it, joined by dots'),
  line: count,
  cyclomatic: count.describe('McCabe: decisions + 1'),
  cognitive: count.describe('Decisions weighted by nesting'),
  length: count.describe('Lines'),
});

export const coveragePhase = z.object({
  ...phase,
  filesSeen: count,
  files: count,
  bytes: count,
  parsed: z.object({ grammar: count, lines: count, textOnly: count }).describe('How the indexed files were read'),
  skipped: z.array(z.object({ reason: z.enum(SKIP_REASONS), count, examples: paths })),
  notParsed: z.array(z.object({ reason: z.string(), count, examples: paths })),
  parseErrors: z.object({ count, examples: paths }).describe('Read, but with places that did not fit the grammar'),
  traits: z.object({ tests: count, generated: count, minified: count, vendored: count }),
});

export const languagesPhase = z.object({
  ...phase,
  files: count,
  lines: count,
  bytes: count,
  languages: z.array(z.object({ language: z.string(), files: count, lines: count, bytes: count, symbols: count })),
});

export const symbolsPhase = z.object({
  ...phase,
  total: count,
  byKind: z.array(z.object({ kind: z.string(), count })),
  mostSymbols: z.array(z.object({ path, symbols: count, lines: count })),
});

export const complexityPhase = z.object({
  ...phase,
  functions: count.describe('That were measured'),
  unmeasured: count.describe('In languages without a measure, or read line by line'),
  cyclomatic: z.object({ p50: count, p90: count, p99: count, max: count, sum: count }),
  cognitive: z.object({ p50: count, p90: count, p99: count, max: count, sum: count }),
  distribution: z.array(z.object({ from: count, to: count.optional(), functions: count })).describe('By cyclomatic complexity'),
  worst: z.array(place).describe('By the sum of both measures'),
});

export const largestPhase = z.object({
  ...phase,
  files: z.array(z.object({ path, lines: count, bytes: count })),
  functions: z.array(z.object({ path, symbol: z.string(), line: count, length: count, parameters: count.optional() })),
});

const linked = z.object({ path, count });

export const dependenciesPhase = z.object({
  ...phase,
  nodes: count.describe('Files, and packages where a language imports those'),
  edges: count,
  edgesKept: count.optional().describe('Edges that get_analysis can give; absent: the analysis kept none'),
  imports: z.object({ resolved: count, external: count, unresolved: count, unsupported: count.describe('In languages without rules') }),
  unresolvedExamples: z.array(z.object({ path, target: z.string() })),
  cycles: z.object({ count, nodes: count.describe('In any of them'), largest: z.array(z.object({ size: count, members: paths })) }),
  mostImported: z.array(linked),
  mostImporting: z.array(linked),
  orphans: z
    .object({ count, examples: paths })
    .describe('Files that import nothing here and that nothing here imports; tests and generated ones left out'),
  externals: z.array(z.object({ name: z.string(), files: count })),
  externalCount: count,
});

export const changesPhase = z.object({
  ...phase,
  available: z.boolean(),
  unavailable: z.string().optional().describe('Why there is no history'),
  files: count.optional().describe('That were changed and are still there'),
  mostChanged: z.array(z.object({ path, commits: count, authors: count, lastAt: z.string() })).optional(),
  hotSpots: z
    .array(z.object({ path, commits: count, cyclomatic: count, score: count }))
    .optional()
    .describe('Commits times the complexity of all functions of the file'),
});

export const duplicatesPhase = z.object({
  ...phase,
  files: count.describe('That were compared: code, not generated, not vendored'),
  tokens: count,
  duplicatedTokens: count,
  ratio: z.number().describe('Of the tokens'),
  clusterCount: count,
  clusters: z
    .array(z.object({ tokens: count, lines: count, places: z.array(z.object({ path, line: count, endLine: count })), morePlaces: count }))
    .describe('The same tokens in several places, largest saving first'),
});

export const deltaPhase = z.object({
  ...phase,
  against: z
    .object({ id: z.string(), generation: count, treeId: z.string(), finishedAt: z.string() })
    .optional()
    .describe('Absent: there was none before'),
  totals: z.array(z.object({ name: z.string(), before: z.number(), after: z.number() })).describe('Those that both analyses have, whole'),
  newWorst: z.array(place).describe('Complex, now among the worst, and new or worse than before'),
  fixedWorst: z
    .array(z.object({ path, symbol: z.string(), before: count, now: count.optional().describe('Absent: it is gone') }))
    .describe('Complex and among the worst before, now better or gone; sums of both measures'),
});

/** Parts come as their phases end. Later versions add parts; readers leave out those they do not know. */
export const analysisParts = z.object({
  coverage: coveragePhase.optional(),
  languages: languagesPhase.optional(),
  symbols: symbolsPhase.optional(),
  complexity: complexityPhase.optional(),
  largest: largestPhase.optional(),
  dependencies: dependenciesPhase.optional(),
  changes: changesPhase.optional(),
  duplicates: duplicatesPhase.optional(),
  delta: deltaPhase.optional(),
});

/** Some edges of the graph, on their way to where they are kept. */
export const edgeBlocks = z.array(
  z.object({ direction: z.enum(['out', 'in']), number: count, last: z.string(), rows: z.array(z.array(z.string()).min(2)) }),
);

export type AnalysisParts = z.output<typeof analysisParts>;
export type PhaseResult<Name extends PhaseName> = NonNullable<AnalysisParts[Name]>;
export type Place = z.output<typeof place>;
/** What a phase itself finds; its frame adds the rest. */
export type Findings<Name extends PhaseName> = Omit<PhaseResult<Name>, keyof typeof phase>;
