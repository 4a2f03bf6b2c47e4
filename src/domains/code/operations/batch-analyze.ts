import { defineJobOperation } from '../../jobs/index.ts';
import type { CodeAnalyses } from '../analysing.ts';
import { analyzeInput } from '../analysis/inputs.ts';
import { analyzeOutput } from '../analysis/outputs.ts';
import { REPOSITORY_KIND } from '../model.ts';

/** CPU time of a child that nobody has seen work yet, ms. */
const FIRST_ESTIMATE_MS = 5000;

export const batchAnalyzeOperation = defineJobOperation<CodeAnalyses>()({
  name: 'batch_analyze',
  title: 'Analyse a repository',
  description:
    'Measures a synced repository as a whole: coverage, languages, symbols, complexity by function, dependencies with their cycles, most changed files, largest places, duplicated code, and what changed since the analysis before. Answers with a summary; get_analysis gives the rest, each phase as soon as it has ended. complete: false when a limit cut a phase.',
  input: analyzeInput,
  output: analyzeOutput,
  effect: 'write',
  idempotent: true,
  lane: 'batch',
  scope: 'code:write',
  target: { kind: 'record', idKind: REPOSITORY_KIND, field: 'repository', role: 'editor' },
  http: { method: 'POST', path: '/repositories/{repository}/analyses' },
  job: {
    uniqueKey: ({ repository }) => repository,
    estimate: FIRST_ESTIMATE_MS,
    isPartial: (output) => (output as { readonly complete?: boolean }).complete === false,
  },
  run: (service, input, ctx) => service.analyze(input, ctx),
});
