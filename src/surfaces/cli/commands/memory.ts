import { PolymniaError } from '../../../kernel/errors.ts';
import type { Command, Invocation } from '../command.ts';
import { formatBytes, plural } from '../human-values.ts';
import { operationCommand } from '../operation-command.ts';
import { renderMemories, renderMemory, renderWholeMemory } from '../render-memory.ts';
import { readAll } from '../read-input.ts';
import { safeLine } from '../terminal-text.ts';

const TAGS = { tag: { field: 'tags', short: 't' } } as const;
const FILTER_TAGS = { tag: { field: 'tagsAny', short: 't' } } as const;
const LISTING = { ...FILTER_TAGS, limit: { field: 'limit', short: 'n' } } as const;

/** Longest text taken from standard input; the server's own limit for one memory is lower. */
const MAX_STDIN_BYTES = 1024 * 1024;

type Input = Readonly<Record<string, unknown>>;

/** `-` as the text means standard input. */
async function withStdin(input: Input, { deps, terminal }: Invocation): Promise<Input> {
  if (input['content'] !== '-') return input;
  const content = (await readAll(deps.stdin, MAX_STDIN_BYTES, terminal.signal)).trimEnd();
  if (content === '') throw new PolymniaError('invalid_input', 'Standard input is empty; there is nothing to store.');
  return { ...input, content };
}

function count(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}

/** Commands on memories: one row per operation. */
export const memoryCommands: readonly Command[] = [
  operationCommand({
    words: ['store'],
    group: 'Memory',
    operation: 'store_memory',
    summary: 'Store a memory',
    arguments: [{ field: 'content', placeholder: 'TEXT', isRest: true }],
    aliases: TAGS,
    notes: ['TEXT "-" reads standard input.'],
    prepare: withStdin,
    render: (answer, { palette }) =>
      `${answer['created'] === false ? palette.warn('Known already') : palette.good('Stored')}  ${palette.accent(safeLine(String(answer['id'])))}`,
  }),
  operationCommand({
    words: ['retrieve'],
    group: 'Memory',
    operation: 'retrieve_memory',
    summary: 'Find memories by meaning and words, best first',
    arguments: [{ field: 'query', placeholder: 'QUERY', isRest: true }],
    aliases: LISTING,
    render: renderMemories,
  }),
  operationCommand({
    words: ['search'],
    group: 'Memory',
    operation: 'search_memory',
    summary: 'List memories by filters, newest first',
    aliases: LISTING,
    render: renderMemories,
  }),
  operationCommand({
    words: ['get'],
    group: 'Memory',
    operation: 'get_memory',
    summary: 'Show one memory in full',
    arguments: [{ field: 'id', placeholder: 'ID' }],
    render: renderWholeMemory,
  }),
  operationCommand({
    words: ['update'],
    group: 'Memory',
    operation: 'update_memory',
    summary: 'Change a memory; the old version is kept',
    arguments: [{ field: 'id', placeholder: 'ID' }],
    aliases: TAGS,
    notes: ['--content "-" reads standard input.'],
    prepare: withStdin,
    render: renderMemory,
  }),
  operationCommand({
    words: ['delete'],
    group: 'Memory',
    operation: 'delete_memory',
    summary: 'Delete one memory',
    arguments: [{ field: 'id', placeholder: 'ID' }],
    render: (answer, { palette }) => `${palette.good('Deleted')}  ${safeLine(String(answer['id']))}`,
  }),
  operationCommand({
    words: ['forget'],
    group: 'Memory',
    operation: 'forget_memories',
    summary: 'Delete all memories that fit a filter',
    aliases: FILTER_TAGS,
    hidden: ['dryRun'],
    notes: ['Without --yes it only counts.'],
    confirm: { warning: 'This deletes for good.', preview: { dryRun: true } },
    render: (answer, { palette }, input) =>
      input['dryRun'] === true
        ? `${palette.warn('Would delete')} ${plural(count(answer['count']), 'memory', 'memories')}.`
        : `${palette.good('Deleted')} ${plural(count(answer['count']), 'memory', 'memories')}, ${formatBytes(count(answer['freedBytes']))}.`,
  }),
  operationCommand({
    words: ['tags'],
    group: 'Memory',
    operation: 'list_tags',
    summary: 'List tags with their counts',
  }),
  operationCommand({
    words: ['stats'],
    group: 'Memory',
    operation: 'memory_stats',
    summary: 'Show what a space holds',
  }),
];
