import { defineJobOperation } from '../../jobs/index.ts';
import { syncInput } from '../inputs.ts';
import { syncOutput } from '../outputs.ts';
import type { RepositoryService } from '../service.ts';
import { syncRequest } from '../sync-request.ts';

/** CPU time of a child that nobody has seen work yet, ms. */
const FIRST_ESTIMATE_MS = 5000;

export const syncRepositoryOperation = defineJobOperation<RepositoryService>()({
  name: 'sync_repository',
  title: 'Index a repository',
  description:
    'Makes a git repository or a folder on the server searchable, or brings its index to the newest state, reading only what changed. Call it before searching code that was never indexed, and after changes. Answers with what was indexed and what was skipped, and why; complete: false when a limit cut it. The old index is searched until the new one is whole. The same repository asked for twice at once is one sync.',
  input: syncInput,
  output: syncOutput,
  effect: 'write',
  idempotent: true,
  lane: 'sync',
  scope: 'code:write',
  target: { kind: 'space', role: 'editor' },
  http: { method: 'POST', path: '/repositories' },
  job: {
    check: (input) => void syncRequest(input),
    uniqueKey: (input) => syncRequest(input).nameKey,
    subject: (input) => syncRequest(input).name,
    estimate: FIRST_ESTIMATE_MS,
    isPartial: (output) => (output as { readonly complete?: boolean }).complete === false,
  },
  run: (service, input, ctx) => service.sync(input, ctx),
});
