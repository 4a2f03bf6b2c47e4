import { join } from 'node:path';
import { createIds, formatRecordId, toBase32 } from '../../src/kernel/ids.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { JobBench } from './job-bench.ts';
import type { SourceFiles } from './sources.ts';
import type { Citizen, Town } from './town.ts';
import type { Caller, Input } from './wire.ts';

/** Kinds of ids an operation may be given. */
export type IdKind = 'memory' | 'space' | 'user' | 'key' | 'import' | 'cursor' | 'job' | 'repository' | 'conversation' | 'turn';

/** What alice has: everything somebody else may try to reach. */
export interface Estate {
  readonly owner: Citizen;
  readonly space: string;
  readonly memory: string;
  readonly sharedSpace: string;
  readonly sharedMemory: string;
  readonly key: string;
  readonly importId: string;
  readonly job: string;
  readonly repository: string;
  /** A repository with one analysis, whose edges are more than one. */
  readonly analysed: string;
  readonly sharedRepository: string;
  readonly conversation: string;
  readonly turn: string;
  /** A folder of the server that everybody may index. */
  readonly source: string;
  /** A cursor of the operation, made by its owner in the owner's own things. */
  readonly cursors: Readonly<Record<string, string>>;
}

/** How to call one operation validly, as the owner of an estate, and which of its fields hold which ids. */
export interface Coverage {
  readonly ids: Readonly<Record<string, IdKind>>;
  readonly input: (estate: Estate) => Input;
  /** Makes something to be destroyed, for the proof that the call works for its owner. */
  readonly victim?: (town: Town, estate: Estate) => Promise<Input>;
  /** Who may make this call: the estate's owner when absent. */
  readonly as?: 'admin';
}

let counter = 0;
const fresh = (): string => `A sentence stored for the matrix, number ${++counter}.`;

/** One row an operation; the test fails for an operation without a row, and for an id field without a kind. */
export const COVERAGE: Readonly<Record<string, Coverage>> = {
  store_memory: { ids: { space: 'space' }, input: () => ({ content: fresh() }) },
  store_memories: { ids: { space: 'space' }, input: () => ({ items: [{ content: fresh() }] }) },
  retrieve_memory: { ids: { space: 'space', spaces: 'space' }, input: () => ({ query: 'harbour canary lighthouse' }) },
  search_memory: { ids: { space: 'space', cursor: 'cursor' }, input: () => ({ limit: 1 }) },
  memory_stats: { ids: { space: 'space' }, input: () => ({}) },
  export_memories: { ids: { space: 'space', cursor: 'cursor', importId: 'import' }, input: () => ({ limit: 1 }) },
  import_memories: { ids: { space: 'space' }, input: () => ({ data: JSON.stringify({ content: fresh() }) }) },
  forget_memories: {
    ids: { space: 'space', importId: 'import' },
    input: () => ({ type: 'no-such-type' }),
  },
  list_tags: { ids: { space: 'space' }, input: () => ({}) },
  get_memory: { ids: { id: 'memory' }, input: ({ memory }) => ({ id: memory, versions: true }) },
  update_memory: { ids: { id: 'memory' }, input: ({ memory }) => ({ id: memory, type: 'fact' }) },
  delete_memory: {
    ids: { id: 'memory' },
    input: ({ memory }) => ({ id: memory }),
    victim: async (town, { owner }) => ({ id: (await town.done(owner, 'store_memory', { content: fresh() }))['id'] }),
  },
  sync_repository: { ids: { space: 'space' }, input: ({ source }) => ({ source, name: 'of the matrix' }) },
  list_repositories: { ids: { space: 'space', cursor: 'cursor' }, input: () => ({ limit: 1 }) },
  get_repository: { ids: { id: 'repository' }, input: ({ repository }) => ({ id: repository }) },
  remove_repository: {
    ids: { id: 'repository' },
    input: ({ repository }) => ({ id: repository }),
    victim: async (town, { owner, source }) => ({ id: await repositoryOf(town, owner, { source, name: `victim ${++counter}` }) }),
  },
  list_code_roots: { ids: {}, input: () => ({}), as: 'admin' },
  set_code_roots: { ids: {}, input: ({ source }) => ({ add: [source] }), as: 'admin' },
  search_code: {
    ids: { space: 'space', spaces: 'space', repositories: 'repository', cursor: 'cursor' },
    input: () => ({ query: 'harbour', limit: 1 }),
  },
  find_symbol: { ids: { space: 'space', spaces: 'space', repositories: 'repository' }, input: () => ({ name: 'harbour' }) },
  batch_analyze: { ids: { repository: 'repository' }, input: ({ repository }) => ({ repository }) },
  get_analysis: { ids: { repository: 'repository', cursor: 'cursor' }, input: ({ analysed }) => ({ repository: analysed, edges: true, limit: 1 }) },
  read_code: { ids: { repository: 'repository' }, input: ({ repository }) => ({ repository, path: 'harbour.py' }) },
  chat: { ids: { conversation: 'conversation' }, input: () => ({ message: 'harbour canary lighthouse' }) },
  complete_chat: { ids: { conversation: 'conversation' }, input: () => ({ messages: [{ role: 'user', content: 'harbour canary lighthouse' }] }) },
  get_context: { ids: { conversation: 'conversation' }, input: () => ({ query: 'harbour canary lighthouse' }) },
  list_conversations: { ids: { cursor: 'cursor' }, input: () => ({ limit: 1 }) },
  get_conversation: { ids: { id: 'conversation' }, input: ({ conversation }) => ({ id: conversation }) },
  delete_conversation: {
    ids: { id: 'conversation' },
    input: ({ conversation }) => ({ id: conversation }),
    victim: async (town, { owner }) => ({ id: (await town.done(owner, 'chat', { message: fresh() }))['conversation'] }),
  },
  get_turn: { ids: { id: 'turn' }, input: ({ turn }) => ({ id: turn }) },
  stop_turn: { ids: { id: 'turn' }, input: ({ turn }) => ({ id: turn }) },
  list_models: { ids: {}, input: () => ({}) },
  whoami: { ids: {}, input: () => ({}) },
  get_job: { ids: { id: 'job' }, input: ({ job }) => ({ id: job }) },
  list_jobs: { ids: { cursor: 'cursor', subject: 'import' }, input: () => ({ limit: 1 }) },
  cancel_job: { ids: { id: 'job' }, input: ({ job }) => ({ id: job }) },
  list_all_jobs: { ids: { userId: 'user', spaceId: 'space', subject: 'import', cursor: 'cursor' }, input: () => ({ limit: 1 }), as: 'admin' },
  set_lane_mode: { ids: {}, input: () => ({ lane: 'batch', mode: 'open' }), as: 'admin' },
  set_job_priority: {
    ids: { id: 'job' },
    input: ({ job }) => ({ id: job, priority: 2 }),
    victim: async (town) => ({ id: await jobOf(town, await town.citizen(`holder ${++counter}`), 'queued'), priority: 2 }),
    as: 'admin',
  },
  retry_job: {
    ids: { id: 'job' },
    input: ({ job }) => ({ id: job }),
    victim: async (town) => ({ id: await jobOf(town, await town.citizen(`holder ${++counter}`), 'cancelled', 'held for a cancel') }),
    as: 'admin',
  },
  do_job: { ids: { space: 'space' }, input: () => ({ name: 'of the matrix' }) },
  list_schedules: { ids: {}, input: () => ({}), as: 'admin' },
  run_schedule: { ids: {}, input: () => ({ name: 'prune_jobs' }), as: 'admin' },
  pause_schedule: { ids: {}, input: () => ({ name: 'prune_jobs', paused: false }), as: 'admin' },
  create_user: { ids: {}, input: () => ({ name: `user ${++counter}` }), as: 'admin' },
  list_users: { ids: { serviceId: 'user', cursor: 'cursor' }, input: () => ({ limit: 1 }), as: 'admin' },
  update_user: { ids: { userId: 'user' }, input: ({ owner }) => ({ userId: owner.id, timeZone: 'UTC' }), as: 'admin' },
  delete_user: {
    ids: { userId: 'user' },
    input: ({ owner }) => ({ userId: owner.id }),
    victim: async (town) => ({ userId: (await town.citizen(`victim ${++counter}`)).id }),
    as: 'admin',
  },
  create_key: { ids: { userId: 'user', spaces: 'space' }, input: () => ({ name: 'matrix', scopes: ['memory:read'] }) },
  list_keys: { ids: { userId: 'user', cursor: 'cursor' }, input: () => ({ limit: 1 }) },
  revoke_key: {
    ids: { keyId: 'key' },
    input: ({ key }) => ({ keyId: key }),
    victim: async (town, { owner }) => ({ keyId: (await town.keyFor(owner.id)).id }),
  },
  create_space: { ids: {}, input: () => ({ name: `space ${++counter}` }) },
  list_spaces: { ids: { cursor: 'cursor' }, input: () => ({ limit: 1 }) },
  update_space: {
    ids: { spaceId: 'space', payer: 'user' },
    input: ({ sharedSpace, owner }) => ({ spaceId: sharedSpace, payer: owner.id, conversationRetention: 86_400_000 }),
  },
  delete_space: {
    ids: { spaceId: 'space' },
    input: ({ sharedSpace }) => ({ spaceId: sharedSpace }),
    victim: async (town, { owner }) => ({ spaceId: await town.sharedSpace(owner, `victim ${++counter}`) }),
  },
  list_members: { ids: { spaceId: 'space', cursor: 'cursor' }, input: ({ sharedSpace }) => ({ spaceId: sharedSpace, limit: 1 }) },
  set_member: {
    ids: { spaceId: 'space', userId: 'user' },
    input: ({ sharedSpace, owner }) => ({ spaceId: sharedSpace, userId: owner.id, role: 'owner' }),
  },
  remove_member: {
    ids: { spaceId: 'space', userId: 'user' },
    input: ({ sharedSpace, owner }) => ({ spaceId: sharedSpace, userId: owner.id }),
    victim: async (town, { owner, sharedSpace }) => {
      const { id } = await town.citizen(`member ${++counter}`);
      await town.done(owner, 'set_member', { spaceId: sharedSpace, userId: id, role: 'reader' });
      return { spaceId: sharedSpace, userId: id };
    },
  },
  list_audit: { ids: { actor: 'user', subject: 'user', cursor: 'cursor' }, input: () => ({ limit: 1 }), as: 'admin' },
  clean_up: { ids: {}, input: () => ({ dryRun: true }), as: 'admin' },
  show_lanes: { ids: {}, input: () => ({}), as: 'admin' },
  show_usage: { ids: {}, input: () => ({}), as: 'admin' },
  show_locks: { ids: {}, input: () => ({}), as: 'admin' },
  create_backup: {
    ids: {},
    input: () => ({ directory: '/nowhere/backup' }),
    victim: async (town) => ({ directory: join(town.dataDir, `backup-${++counter}`) }),
    as: 'admin',
  },
};

/** Names of fields that hold ids; `id` inside a longer word is none. */
export const ID_FIELD = /^(id|space|spaces|repository|repositories|conversation|cursor|actor|subject|payer|member|author|owner)$|Ids?$/;

/** What the field of an operation must be given to reach into the estate. */
export function idOf(estate: Estate, kind: IdKind, operation: string): string {
  switch (kind) {
    case 'memory':
      return estate.memory;
    case 'space':
      return estate.space;
    case 'user':
      return estate.owner.id;
    case 'key':
      return estate.key;
    case 'import':
      return estate.importId;
    case 'job':
      return estate.job;
    case 'repository':
      return estate.repository;
    case 'conversation':
      return estate.conversation;
    case 'turn':
      return estate.turn;
    case 'cursor': {
      const cursor = estate.cursors[operation];
      if (cursor === undefined) throw new Error(`the estate has no cursor of ${operation}`);
      return cursor;
    }
  }
}

const ids = createIds(systemClock);

/** A well-formed id of the kind that names nothing. */
export function randomId(kind: IdKind, real: string): string {
  switch (kind) {
    case 'memory':
      return formatRecordId({ kind: 'mem', space: ids.spaceKey(), uuid: ids.uuid() });
    case 'repository':
      return formatRecordId({ kind: 'repo', space: ids.spaceKey(), uuid: ids.uuid() });
    case 'conversation':
      return formatRecordId({ kind: 'conv', space: ids.spaceKey(), uuid: ids.uuid() });
    case 'turn':
      return formatRecordId({ kind: 'turn', space: ids.spaceKey(), uuid: ids.uuid() });
    case 'space':
    case 'user':
    case 'key':
    case 'job':
      return ids.handle(kind);
    case 'import':
      return ids.handle('imp');
    case 'cursor':
      return randomCursor(real);
  }
}

/** A cursor as the real one, with other ids inside. */
function randomCursor(real: string): string {
  const text = Buffer.from(real, 'base64url').toString('latin1');
  const changed = text.startsWith('{')
    ? JSON.stringify({ ...(JSON.parse(text) as object), u: ids.uuid(), h: ids.spaceKey() })
    : text.replace(/[0-9a-z]{26}$/, toBase32(Buffer.from(ids.uuid(), 'hex')));
  return Buffer.from(changed, 'latin1').toString('base64url');
}

/** The job operation of the matrix's server; runs named `held` do not end by themselves. */
export const matrixBench = new JobBench();
matrixBench.hold('held');
matrixBench.hold('held for a cancel');

/** A job of the owner's in this state; while others of the same owner run, a new one waits. */
async function jobOf(town: Town, owner: Caller, state: 'queued' | 'succeeded' | 'cancelled', name = 'held'): Promise<string> {
  const ask = async (): Promise<string> => {
    const { job } = (await town.done(owner, 'do_job', { name, background: state !== 'succeeded' })) as { job: { id: string } };
    return job.id;
  };
  const first = await ask();
  if (state === 'succeeded') return first;
  if (state === 'queued') {
    await matrixBench.begun(name);
    return ask();
  }
  await town.done(owner, 'cancel_job', { id: first });
  matrixBench.release(name);
  return first;
}

/** Three files, and two that need one, so that a page of one has a next one. */
const HARBOUR: SourceFiles = {
  'harbour.py': 'def harbour():\n    return 1\n',
  'lighthouse.py': 'from harbour import harbour\n\nharbour()\n',
  'pier.py': 'from harbour import harbour\n',
};

async function repositoryOf(town: Town, owner: Caller, input: Input): Promise<string> {
  const { repository } = (await town.done(owner, 'sync_repository', input)) as { repository: { id: string } };
  return repository.id;
}

/** Two conversations with `canary` in all of them, so that a page of one has a next one. */
export async function talkOf(town: Town, owner: Caller, canary: string): Promise<Pick<Estate, 'conversation' | 'turn'>> {
  const message = `harbour lighthouse ${canary}`;
  await town.done(owner, 'chat', { message, conversation: `${canary} as well` });
  const { conversation, turn } = await town.done(owner, 'chat', { message, conversation: canary });
  return { conversation: String(conversation), turn: String(turn) };
}

/** Everything of a citizen's that an id can name, with `canary` in all of it. */
export async function settle(town: Town, owner: Citizen, canary: string, members: (space: string) => Promise<void>): Promise<Estate> {
  const content = `harbour lighthouse ${canary}`;
  const wide = { content, tags: [canary], metadata: { note: canary }, thread: canary, origin: canary };
  const memory = await town.done(owner, 'store_memory', wide);
  await town.done(owner, 'store_memory', { content: `${content} again`, type: 'fact' });
  await town.done(owner, 'update_memory', { id: memory['id'], content: `${content}, changed` });
  const imported = await town.done(owner, 'import_memories', { data: JSON.stringify({ content: `${content} imported` }), name: canary });
  const sharedSpace = await town.sharedSpace(owner, `shared ${canary}`);
  await members(sharedSpace);
  const shared = await town.done(owner, 'store_memory', { content: `${content} shared`, space: sharedSpace });
  await town.done(owner, 'store_memory', { content: `${content} shared as well`, space: sharedSpace });
  const key = await town.keyFor(owner.id, { name: `key ${canary}` });
  await jobOf(town, owner, 'succeeded', canary);
  const source = await town.sources(HARBOUR);
  const repository = await repositoryOf(town, owner, { source, name: canary });
  const analysed = await repositoryOf(town, owner, { source, name: `${canary} as well` });
  await town.done(owner, 'batch_analyze', { repository: analysed });
  const talk = await talkOf(town, owner, canary);
  const sharedRepository = await repositoryOf(town, owner, { source, name: `shared ${canary}`, space: sharedSpace });
  return {
    owner,
    space: owner.personal,
    memory: String(memory['id']),
    sharedSpace,
    sharedMemory: String(shared['id']),
    key: key.id,
    importId: String(imported['importId']),
    job: await jobOf(town, owner, 'succeeded', canary),
    repository,
    analysed,
    sharedRepository,
    ...talk,
    source,
    cursors: await cursorsOf(town, owner, { spaceId: sharedSpace, repository: analysed }),
  };
}

async function cursorsOf(
  town: Town,
  owner: Citizen,
  { spaceId, repository }: Readonly<Record<'spaceId' | 'repository', string>>,
): Promise<Record<string, string>> {
  const asked: readonly (readonly [string, Caller, Input])[] = [
    ['search_memory', owner, { limit: 1 }],
    ['export_memories', owner, { limit: 1 }],
    ['list_jobs', owner, { limit: 1 }],
    ['list_repositories', owner, { limit: 1 }],
    ['list_conversations', owner, { limit: 1 }],
    ['search_code', owner, { query: 'harbour', limit: 1 }],
    ['get_analysis', owner, { repository, edges: true, limit: 1 }],
    ['list_all_jobs', town.admin, { limit: 1 }],
    ['list_keys', owner, { limit: 1 }],
    ['list_spaces', owner, { limit: 1 }],
    ['list_members', owner, { spaceId, limit: 1 }],
    ['list_users', town.admin, { limit: 1 }],
    ['list_audit', town.admin, { limit: 1 }],
  ];
  const pairs = asked.map(async ([name, caller, input]) => {
    const answer = await town.done(caller, name, input);
    const page = name === 'get_analysis' ? (answer['edges'] as typeof answer) : answer;
    return [name, String(page['cursor'] ?? page['nextCursor'])] as const;
  });
  return Object.fromEntries(await Promise.all(pairs));
}
