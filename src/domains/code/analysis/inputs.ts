import { z } from 'zod';
import { PHASES } from './result.ts';

const repositoryIdField = z.string().max(64).describe('Id of a repository (repo_…), as list_repositories gives it.');

export const analyzeInput = z.strictObject({ repository: repositoryIdField });

export const getAnalysisInput = z.strictObject({
  repository: repositoryIdField,
  analysis: z.string().max(64).optional().describe('Which one, as batch_analyze or get_analysis named it. Left out = the newest.'),
  format: z.enum(['json', 'markdown']).default('json').describe('json gives the phases as data, markdown as a page to read.'),
  phases: z
    .preprocess((value) => (typeof value === 'string' ? value.split(',').filter(Boolean) : value), z.array(z.enum(PHASES)).max(PHASES.length))
    .optional()
    .describe('Only these phases. Left out = all that have ended.'),
});

export type AnalyzeInput = z.output<typeof analyzeInput>;
export type GetAnalysisInput = z.output<typeof getAnalysisInput>;
