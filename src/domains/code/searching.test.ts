import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../kernel/clock.ts';
import { silentLogger } from '../../kernel/logger.ts';
import type { OperationContext, SpaceAccess } from '../../kernel/operation.ts';
import { type KitFile, writeGeneration } from '../../storage/sqlite/code/generation-test-kit.ts';
import { SearchThreads } from '../../storage/sqlite/code/search-threads.ts';
import type { PublishedIndex } from './model.ts';
import { OTHER, RepositoryKit, SPACE } from './repository-test-kit.ts';
import { findSymbolInput, readCodeInput, searchCodeInput } from './search-inputs.ts';
import type { FindSymbolOutput, ReadCodeOutput, SearchCodeOutput } from './search-outputs.ts';
import { findSymbolOutput, readCodeOutput, searchCodeOutput } from './search-outputs.ts';
import { type CodeSearch, createCodeSearch } from './searching.ts';

const TEAM: SpaceAccess = { ...SPACE, id: 'space_t', key: '00000000000000cc' };
let kit: RepositoryKit;
let index: SearchThreads;
let service: CodeSearch;
const ids = new Map<string, string>();

beforeAll(async () => {
  kit = await RepositoryKit.open();
  index = new SearchThreads({ threads: 2, clock: systemClock });
  const jobs = { unfinished: async () => kit.jobs };
  service = createCodeSearch({ store: kit.store, folders: kit.folders, index, jobs, clock: systemClock });
  await publish(SPACE, 'alpha', [
    { path: 'src/load.py', text: 'def load_settings(path):\n    """Read the settings from disk."""\n    return parse(path)\n' },
    { path: 'src/main.py', text: 'from load import load_settings\n\ndef main():\n    load_settings("x")\n' },
  ]);
  await publish(TEAM, 'Beta', [{ path: 'b.py', text: 'def save_settings(path):\n    write(path)\n\ndef load_settings_twice(path):\n    pass\n' }]);
  await publish(OTHER, 'secret', [{ path: 's.py', text: 'def load_settings_secretly():\n    pass\n' }]);
  await publish(TEAM, 'early', [{ path: 'e.py', text: 'def load_early():\n    pass\n' }], { textOnly: true });
});
afterAll(async () => {
  await index[Symbol.asyncDispose]();
  await kit[Symbol.asyncDispose]();
});

async function publish(space: SpaceAccess, name: string, files: readonly KitFile[], options: { readonly textOnly?: boolean } = {}): Promise<string> {
  const nameKey = name.toLowerCase();
  const uuid = `${ids.size + 1}`.padStart(32, '0');
  const source = { kind: 'folder', path: '/x' } as const;
  const made = await kit.store.ensure({ uuid, space: space.key, name, nameKey, source, createdBy: 'ann', createdAt: 1 }, 10);
  if (made === undefined) throw new Error('no repository was made');
  const generation = await kit.store.nextGeneration(space.key, made.repository.uuid);
  writeGeneration(kit.folders.generation(made.repository.uuid, generation), [files], options);
  const index: PublishedIndex = {
    generation,
    stage: options.textOnly ? 'text' : 'complete',
    treeId: `tree${generation}`,
    files: files.length,
    symbols: 1,
    chunks: 1,
    sourceBytes: 1,
    indexBytes: 1,
    publishedAt: systemClock.now() - 5_000,
  };
  await kit.store.publish(space.key, made.repository.uuid, index);
  ids.set(name, made.repository.uuid);
  return made.repository.uuid;
}

function ctx(spaces: readonly SpaceAccess[] = [SPACE], signal = new AbortController().signal): OperationContext {
  return {
    caller: { userId: 'ann', name: 'Ann', timeZone: 'UTC', group: 'ann', weight: 1, limits: {} },
    credential: { id: 'key', scopes: ['code:read'] },
    spaces,
    signal,
    deadlineAt: systemClock.monotonic() + 20_000,
    requestId: 'r',
    logger: silentLogger,
    meter: { add: () => {} },
    quota: { reserve: () => Promise.reject(new Error('not asked for')) },
    origin: { surface: 'internal' },
    progress: () => {},
  };
}

const search = async (input: object, spaces?: readonly SpaceAccess[]): Promise<SearchCodeOutput> =>
  searchCodeOutput.parse(await service.search(searchCodeInput.parse(input), ctx(spaces)));
const symbols = async (input: object, spaces?: readonly SpaceAccess[]): Promise<FindSymbolOutput> =>
  findSymbolOutput.parse(await service.findSymbol(findSymbolInput.parse(input), ctx(spaces)));
const read = async (input: object, spaces?: readonly SpaceAccess[]): Promise<ReadCodeOutput> =>
  readCodeOutput.parse(await service.read(readCodeInput.parse(input), ctx(spaces)));
const pathsOf = ({ results }: SearchCodeOutput): string[] => results.map(({ path }) => path);
const repositoryIdOf = async (name: string, spaces?: readonly SpaceAccess[]): Promise<string> =>
  (await search({ query: 'load', repositories: [name] }, spaces)).repositories[0]?.id ?? '';

describe('search_code', () => {
  it('tells what was searched and how old it is', async () => {
    const answer = await search({ query: 'read settings' });
    expect(answer).toMatchObject({ mode: 'words', partial: false, searched: 1, repositories: [{ name: 'alpha', generation: 1, treeId: 'tree1' }] });
    expect(answer.repositories[0]?.ageSeconds).toBeGreaterThanOrEqual(5);
    expect(pathsOf(answer)[0]).toBe('src/load.py');
  });

  it('sees the admitted spaces and no others, whatever is named', async () => {
    expect(pathsOf(await search({ query: 'load_settings', mode: 'exact' }, [SPACE, TEAM]))).toEqual(expect.arrayContaining(['src/load.py', 'b.py']));
    expect(pathsOf(await search({ query: 'secretly' }, [SPACE, TEAM]))).toEqual([]);
    const secret = await repositoryIdOf('secret', [OTHER]);
    for (const repositories of [['secret'], [secret], ['nowhere'], ['repo_x']]) {
      await expect(search({ query: 'load', repositories }, [SPACE, TEAM])).rejects.toMatchObject({
        code: 'not_found',
        message: 'No such repository.',
      });
    }
  });

  it('takes names in any case and merges repositories by rank, a definition of the name first', async () => {
    const answer = await search({ query: 'load_settings', repositories: ['ALPHA', 'beta'] }, [TEAM, SPACE]);
    expect(pathsOf(answer)[0]).toBe('src/load.py');
    expect(new Set(pathsOf(answer))).toEqual(new Set(['src/load.py', 'src/main.py', 'b.py']));
  });

  it('understands code, quotes and expressions, and goes over to words when code is not found', async () => {
    expect(await search({ query: 'parse(path)' })).toMatchObject({ mode: 'exact', results: [{ path: 'src/load.py' }] });
    expect(await search({ query: '/load_\\w+s\\(/' })).toMatchObject({ mode: 'regex' });
    expect(await search({ query: 'settings.read(disk)' })).toMatchObject({
      mode: 'words',
      results: [{ path: 'src/load.py' }, { path: 'src/main.py' }],
    });
    await expect(search({ query: 'a{2', mode: 'regex' })).resolves.toBeDefined();
    await expect(search({ query: '(', mode: 'regex' })).rejects.toMatchObject({ code: 'invalid_input' });
  });

  it('pages by cursor, bound to the search, and keeps to the token budget', async () => {
    const first = await search({ query: 'load_settings', mode: 'exact', limit: 1 });
    const second = await search({ query: 'load_settings', mode: 'exact', limit: 1, cursor: first.nextCursor });
    expect([...pathsOf(first), ...pathsOf(second)]).toEqual(['src/load.py', 'src/main.py']);
    expect(second.nextCursor).toBeUndefined();
    await expect(search({ query: 'other', mode: 'exact', cursor: first.nextCursor })).rejects.toMatchObject({ code: 'invalid_input' });
    const tight = await search({ query: 'load_settings', mode: 'exact', maxTokens: 200 });
    expect(tight).toMatchObject({ cut: true, results: [{ path: 'src/load.py' }] });
    const rest = await search({ query: 'load_settings', mode: 'exact', maxTokens: 200, cursor: tight.nextCursor });
    expect(pathsOf(rest)).toEqual(['src/main.py']);
  });

  it('says what is partial: no symbols yet, nothing synced yet, a sync that runs', async () => {
    const early = await search({ query: 'load', repositories: ['early'] }, [TEAM]);
    expect(early).toMatchObject({ partial: true, repositories: [{ name: 'early', why: ['symbols_pending'] }], results: [{ path: 'e.py' }] });
    const source = { kind: 'folder', path: '/y' } as const;
    await kit.store.ensure({ uuid: 'f'.repeat(32), space: TEAM.key, name: 'empty', nameKey: 'empty', source, createdBy: 'ann', createdAt: 1 }, 10);
    kit.jobs.push({
      id: 'job_1',
      state: 'running',
      nameKey: 'empty',
      progress: { phase: 'read', done: 3, total: 10, unit: 'files', at: 1, changedAt: 1 } as never,
    });
    const empty = await search({ query: 'load', repositories: ['empty'] }, [TEAM]);
    kit.jobs.length = 0;
    expect(empty).toMatchObject({ partial: true, searched: 0, repositories: [{ name: 'empty', why: ['not_synced'], sync: 'running', pending: 7 }] });
  });

  it('follows to the new generation when the one it was about to read is retired', async () => {
    const uuid = await publish(SPACE, 'moving', [{ path: 'old.py', text: 'def moving_target():\n    pass\n' }]);
    const before = kit.folders.generation(uuid, 1);
    await index.retire(before);
    await publish(SPACE, 'moving', [{ path: 'new.py', text: 'def moving_target():\n    pass\n' }]);
    expect(pathsOf(await search({ query: 'moving_target', repositories: ['moving'] }))).toEqual(['new.py']);
    await index.retire(kit.folders.generation(uuid, 2));
    const gone = await search({ query: 'moving_target', repositories: ['moving'] });
    expect(gone).toMatchObject({ partial: true, results: [], repositories: [{ why: ['being_replaced'] }] });
    await kit.store.remove(SPACE.key, uuid);
  });

  it('ends with the call', async () => {
    const abort = new AbortController();
    abort.abort();
    const call = service.search(searchCodeInput.parse({ query: 'load' }), ctx([SPACE], abort.signal));
    await expect(call).rejects.toMatchObject({ code: 'cancelled' });
  });
});

describe('find_symbol', () => {
  it('merges repositories, the best match first, with uses on request', async () => {
    const answer = await symbols({ name: 'load_settings', references: true }, [TEAM, SPACE]);
    expect(answer.definitions[0]).toMatchObject({ name: 'load_settings', match: 'exact', path: 'src/load.py', line: 1 });
    expect(answer.references).toMatchObject([{ path: 'src/main.py', confidence: 'imported' }]);
    expect((await symbols({ name: 'load_settings_secretly', match: 'exact' }, [TEAM, SPACE])).definitions).toEqual([]);
  });
});

describe('read_code', () => {
  it('reads lines, bodies and outlines of the published generation', async () => {
    const repository = await repositoryIdOf('alpha');
    expect(await read({ repository, path: 'src/load.py', from: 2, to: 2 })).toMatchObject({
      generation: 1,
      from: 2,
      to: 2,
      text: '    """Read the settings from disk."""',
    });
    expect(await read({ repository, symbol: 'main' })).toMatchObject({ path: 'src/main.py', from: 3, symbol: { kind: 'function' } });
    expect(await read({ repository, path: 'src/load.py', outline: true })).toMatchObject({ outline: [{ name: 'load_settings', line: 1 }] });
  });

  it('tells what is near when there is no such file, and nothing of other spaces', async () => {
    const repository = await repositoryIdOf('alpha');
    await expect(read({ repository, path: 'load.py' })).rejects.toMatchObject({ code: 'not_found', details: { near: ['src/load.py'] } });
    const secret = await repositoryIdOf('secret', [OTHER]);
    await expect(read({ repository: secret, path: 's.py' })).rejects.toMatchObject({ code: 'not_found', message: 'No such repository.' });
  });

  it('refuses contradictions in its input', () => {
    for (const input of [{}, { outline: true, symbol: 'x' }, { path: 'a', from: 5, to: 4 }]) {
      expect(readCodeInput.safeParse({ repository: 'repo_x', ...input }).success).toBe(false);
    }
  });
});
