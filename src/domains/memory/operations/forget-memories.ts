import { defineJobOperation } from '../../jobs/index.ts';
import { refuseUnclear } from '../forgetting.ts';
import { forgetInput } from '../inputs.ts';
import { forgetOutput } from '../outputs.ts';
import type { MemoryService } from '../service.ts';

/** Thread time of a few hundred deletions. */
const FORGET_ESTIMATE_US = 50_000;

export const forgetMemoriesOperation = defineJobOperation<MemoryService>()({
  name: 'forget_memories',
  title: 'Forget by conditions',
  description:
    'Deletes all memories that match the conditions, for good, and answers with their number. With dryRun: true it only counts: do that first. Without any condition it needs all: true. importId takes back an import.',
  input: forgetInput,
  output: forgetOutput,
  effect: 'destructive',
  idempotent: true,
  lane: 'bulk',
  scope: 'memory:write',
  target: { kind: 'space', role: 'editor' },
  http: { method: 'POST', path: '/memories/forget' },
  job: { asCall: ({ dryRun }) => dryRun, check: refuseUnclear, estimate: FORGET_ESTIMATE_US },
  run: (service, input, ctx) => service.forget(input, ctx),
});
