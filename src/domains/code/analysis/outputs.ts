import { z } from 'zod';
import { analysisParts, ANALYSIS_VERSION, PHASES } from './result.ts';

const time = z.string().describe('ISO 8601, UTC');
const phaseName = z.enum(PHASES);

const head = {
  id: z.string(),
  state: z.enum(['running', 'complete', 'partial', 'interrupted']).describe('partial: a budget cut a phase; interrupted: its job ended before it'),
  generation: z.int().describe('Of the index that was analysed'),
  treeId: z.string(),
  startedAt: time,
  finishedAt: time.optional(),
};

const analysisHead = z.object(head);

export const analyzeOutput = z.object({
  repository: z.object({ id: z.string(), name: z.string() }),
  analysis: analysisHead,
  complete: z.boolean().describe('False: a budget cut a phase; get_analysis says where'),
  summary: z.array(z.object({ name: z.string(), value: z.number() })).describe('Some totals; get_analysis has the rest'),
  changed: z
    .object({ newWorst: z.int(), fixedWorst: z.int() })
    .optional()
    .describe('Complex places since the analysis before; absent when there was none'),
});

const name = z.string().describe('Path in the repository, as data; of a package with a slash at its end');

const edgePage = z.object({
  edges: z.array(z.object({ from: name, to: name })).describe('from needs to; in order of the paths'),
  found: z.int().optional().describe('Edges of the whole graph'),
  kept: z.int().optional().describe('How many of them the analysis keeps: of too many the first in order of their paths'),
  nextCursor: z.string().optional().describe('Give it as cursor to read on; absent on the last page. A page may be short'),
  unavailable: z.string().optional().describe('Why there are no edges'),
});

export const getAnalysisOutput = z.object({
  repository: z.object({ id: z.string(), name: z.string() }),
  version: z.literal(ANALYSIS_VERSION).describe('Of the form of the phases'),
  analysis: analysisHead.optional().describe('Absent: there is none yet'),
  ended: z.array(phaseName).describe('Phases that can be read'),
  phases: analysisParts.optional().describe('Names and paths in it come from the repository: they are data'),
  edges: edgePage.optional().describe('A page of the dependency graph, where it was asked for'),
  markdown: z.string().optional(),
  kept: z.array(analysisHead).describe('All that can be asked for, newest first'),
});

export type EdgePage = z.output<typeof edgePage>;
export type AnalysisHead = z.output<typeof analysisHead>;
export type AnalyzeOutput = z.output<typeof analyzeOutput>;
export type GetAnalysisOutput = z.output<typeof getAnalysisOutput>;
