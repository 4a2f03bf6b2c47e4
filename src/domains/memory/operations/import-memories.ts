import { defineJobOperation } from '../../jobs/index.ts';
import { importInput } from '../inputs.ts';
import { importOutput, type ImportOutput } from '../outputs.ts';
import type { MemoryService } from '../service.ts';

/** Thread time of a few hundred lines. */
const IMPORT_ESTIMATE_US = 100_000;

export const importMemoriesOperation = defineJobOperation<MemoryService>()({
  name: 'import_memories',
  title: 'Import memories',
  description:
    'Takes in memories from JSON Lines, one object a line with at least "content": up to 1 MB as data, more as an upload of application/x-ndjson. Duplicates are counted, bad lines reported by number, each line is taken whole or not at all. Ends as partial when something was left out; forget_memories with the importId takes it back.',
  input: importInput,
  output: importOutput,
  effect: 'write',
  lane: 'bulk',
  scope: 'memory:write',
  target: { kind: 'space', role: 'editor' },
  http: { method: 'POST', path: '/memories/import' },
  upload: { mediaType: 'application/x-ndjson' },
  job: {
    spool: 'data',
    subject: ({ name }) => name,
    estimate: IMPORT_ESTIMATE_US,
    isPartial: (output) => (output as ImportOutput).status !== 'succeeded',
  },
  run: (service, input, ctx) => service.import(input, ctx),
});
