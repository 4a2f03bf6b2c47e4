import { z } from 'zod';
import { flag } from '../inputs.ts';
import { PHASES } from './result.ts';

const MAX_PATH = 4096;
const MAX_EDGES = 500;

const repositoryIdField = z.string().max(64).describe('Id of a repository (repo_…), as list_repositories gives it.');

export const analyzeInput = z.strictObject({ repository: repositoryIdField });

export const getAnalysisInput = z.strictObject({
  repository: repositoryIdField,
  analysis: z.string().max(64).optional().describe('Which one, as batch_analyze or get_analysis named it. Left out = the newest.'),
  format: z.enum(['json', 'markdown']).default('json').describe('json gives the phases as data, markdown as a page to read.'),
  phases: z
    .preprocess((value) => (typeof value === 'string' ? value.split(',').filter(Boolean) : value), z.array(z.enum(PHASES)).max(PHASES.length))
    .optional()
    .describe('Only these phases. Left out = all that have ended, or none when edges are asked for.'),
  edges: flag
    .default(false)
    .describe('Edges of the dependency graph, a page of them: which file needs which (of Go: which package, named by its folder).'),
  path: z
    .string()
    .min(1)
    .max(MAX_PATH)
    .overwrite((value) => value.toWellFormed())
    .optional()
    .describe('Only edges of this file, or of this folder with all that is in it.'),
  direction: z.enum(['both', 'out', 'in']).default('both').describe('Of path: out gives what it needs, in what needs it.'),
  limit: z.coerce.number().int().min(1).max(MAX_EDGES).default(100).describe('Edges of a page.'),
  cursor: z
    .string()
    .max(256)
    .optional()
    .describe('nextCursor of the page of edges before; path and direction must stay the same. It goes on in the same analysis.'),
});

export type AnalyzeInput = z.output<typeof analyzeInput>;
export type GetAnalysisInput = z.output<typeof getAnalysisInput>;
