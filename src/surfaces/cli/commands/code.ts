import { isAbsolute, resolve } from 'node:path';
import { PolymniaError } from '../../../kernel/errors.ts';
import { echo } from '../arguments.ts';
import type { Command, Invocation } from '../command.ts';
import { operationCommand } from '../operation-command.ts';
import { renderAnalysis, renderCode, renderCodeResults, renderRepositories, renderSync, renderSymbols } from '../render-code.ts';
import { isFields, renderValue, type View } from '../render-value.ts';
import { safeBlock } from '../terminal-text.ts';

type Input = Readonly<Record<string, unknown>>;
type Fields = Readonly<Record<string, unknown>>;

const REPOSITORY_NOTE = ['REPOSITORY is a name in your personal space (or in --space), or an id (repo_…).'];
const FILTERS = {
  repo: { field: 'repositories', short: 'r' },
  lang: { field: 'languages', short: 'l' },
  path: { field: 'paths', short: 'p' },
  limit: { field: 'limit', short: 'n' },
} as const;

/** A URL stays as it is; a folder is meant from where the user stands. */
async function withWholeSource(input: Input, { deps }: Invocation): Promise<Input> {
  const { source } = input;
  if (typeof source !== 'string' || source.includes('://') || isAbsolute(source)) return input;
  return { ...input, source: resolve(deps.cwd, source) };
}

/** Puts the id in the place of a repository's name. */
function withRepositoryId(field: string): (input: Input, invocation: Invocation) => Promise<Input> {
  return async (input, invocation) => {
    const name = input[field];
    if (typeof name !== 'string' || name.startsWith('repo_')) return input;
    const client = await invocation.client();
    let cursor: string | undefined;
    do {
      const page = await client.call('list_repositories', { limit: 100, ...(cursor === undefined ? {} : { cursor }) });
      const found = isFields(page) && Array.isArray(page['repositories']) ? page['repositories'].filter(isFields) : [];
      const repository = found.find((each) => each['name'] === name);
      if (repository !== undefined) return { ...input, [field]: repository['id'] };
      cursor = isFields(page) && typeof page['nextCursor'] === 'string' ? page['nextCursor'] : undefined;
    } while (cursor !== undefined);
    throw new PolymniaError('not_found', `There is no repository named ${echo(name)} in your personal space.`, {
      details: { hint: 'See "polymnia repo list"; name others by their id.' },
    });
  };
}

function renderAnalysisPage(answer: Fields, view: View): string {
  const { markdown } = answer;
  return typeof markdown === 'string' ? safeBlock(markdown) : renderValue(answer, view);
}

const repositoryCommands: readonly Command[] = [
  operationCommand({
    words: ['repo', 'sync'],
    group: 'Code',
    operation: 'sync_repository',
    summary: 'Index a folder or git repository, or what changed in it',
    arguments: [
      { field: 'source', placeholder: 'SOURCE' },
      { field: 'name', placeholder: 'NAME', isOptional: true },
    ],
    hidden: ['repository_path', 'repository_name', 'incremental', 'force_full'],
    notes: ['SOURCE is a git URL (https://…), or a folder on the machine of the server.'],
    prepare: withWholeSource,
    render: renderSync,
  }),
  operationCommand({
    words: ['repo', 'list'],
    group: 'Code',
    operation: 'list_repositories',
    summary: 'List repositories',
    render: renderRepositories,
  }),
  operationCommand({
    words: ['repo', 'show'],
    group: 'Code',
    operation: 'get_repository',
    summary: 'Show a repository and its last sync',
    arguments: [{ field: 'id', placeholder: 'REPOSITORY' }],
    notes: REPOSITORY_NOTE,
    prepare: withRepositoryId('id'),
  }),
  operationCommand({
    words: ['repo', 'remove'],
    group: 'Code',
    operation: 'remove_repository',
    summary: 'Remove a repository with its index; the source stays',
    arguments: [{ field: 'id', placeholder: 'REPOSITORY' }],
    notes: REPOSITORY_NOTE,
    confirm: { warning: 'This removes the index for good.' },
    prepare: withRepositoryId('id'),
  }),
  operationCommand({
    words: ['repo', 'analyze'],
    group: 'Code',
    operation: 'batch_analyze',
    summary: 'Measure a repository: complexity, dependencies, duplicates, change',
    arguments: [{ field: 'repository', placeholder: 'REPOSITORY' }],
    notes: REPOSITORY_NOTE,
    prepare: withRepositoryId('repository'),
    render: renderAnalysis,
  }),
  operationCommand({
    words: ['repo', 'analysis'],
    group: 'Code',
    operation: 'get_analysis',
    summary: 'Show the newest analysis of a repository',
    arguments: [{ field: 'repository', placeholder: 'REPOSITORY' }],
    hidden: ['format'],
    notes: REPOSITORY_NOTE,
    prepare: async (input, invocation) => ({
      ...(await withRepositoryId('repository')(input, invocation)),
      format: invocation.isJson ? 'json' : 'markdown',
    }),
    render: renderAnalysisPage,
  }),
];

const searchCommands: readonly Command[] = [
  operationCommand({
    words: ['code', 'search'],
    group: 'Code',
    operation: 'search_code',
    summary: 'Search code by words, exact text or regular expression',
    arguments: [{ field: 'query', placeholder: 'QUERY', isRest: true }],
    aliases: FILTERS,
    notes: ['/between slashes/ is a regular expression, "in quotes" exact text.'],
    render: renderCodeResults,
  }),
  operationCommand({
    words: ['code', 'symbol'],
    group: 'Code',
    operation: 'find_symbol',
    summary: 'Find where something is defined, and with --references where it is used',
    arguments: [{ field: 'name', placeholder: 'NAME' }],
    aliases: FILTERS,
    render: renderSymbols,
  }),
  operationCommand({
    words: ['code', 'read'],
    group: 'Code',
    operation: 'read_code',
    summary: 'Show lines of an indexed file, or the body of a symbol',
    arguments: [
      { field: 'repository', placeholder: 'REPOSITORY' },
      { field: 'path', placeholder: 'PATH', isOptional: true },
    ],
    notes: REPOSITORY_NOTE,
    prepare: withRepositoryId('repository'),
    render: renderCode,
  }),
];

const rootCommands: readonly Command[] = [
  operationCommand({
    words: ['root', 'list'],
    group: 'Code',
    operation: 'list_code_roots',
    summary: 'List folders everybody may index (administrators)',
  }),
  operationCommand({
    words: ['root', 'add'],
    group: 'Code',
    operation: 'set_code_roots',
    summary: 'Let everybody index a folder (administrators)',
    arguments: [{ field: 'add', placeholder: 'FOLDER', isRest: true }],
    hidden: ['remove'],
  }),
  operationCommand({
    words: ['root', 'remove'],
    group: 'Code',
    operation: 'set_code_roots',
    summary: 'Take that back (administrators)',
    arguments: [{ field: 'remove', placeholder: 'FOLDER', isRest: true }],
    hidden: ['add'],
  }),
];

/** Repositories and what is found in them: one row per operation. */
export const codeCommands: readonly Command[] = [...repositoryCommands, ...searchCommands, ...rootCommands];
