import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PolymniaError } from '../../kernel/errors.ts';
import type { SyncInput } from './inputs.ts';
import type { GetOutput } from './outputs.ts';
import { OTHER, reportFor, RepositoryKit, SPACE, type TestCall, writesIndex } from './repository-test-kit.ts';

let kit: RepositoryKit;
let app: string;

beforeEach(async () => {
  kit = await RepositoryKit.open();
  app = join(kit.sources, 'app');
  await mkdir(app, { recursive: true });
});
afterEach(() => kit[Symbol.asyncDispose]());

const sync = (input: SyncInput, call?: TestCall) => kit.service.sync(input, kit.context(call));
const get = async (id: string, call?: TestCall): Promise<GetOutput['repository']> => (await kit.service.get({ id }, kit.context(call))).repository;
const code = (wanted: string, text?: string) => ({ code: wanted, ...(text !== undefined && { message: expect.stringContaining(text) as string }) });
/** Removals go on after their answer; the disposed service has waited for them. */
const settled = () => kit.service[Symbol.asyncDispose]();

async function folderSync(fields: Partial<SyncInput> = {}, call?: TestCall): Promise<string> {
  return (await sync({ source: app, ...fields }, call)).repository.id;
}

async function uuidOf(name = 'app'): Promise<string> {
  const repository = await kit.store.byName(SPACE.key, name);
  if (repository === undefined) throw new Error(`there is no ${name}`);
  return repository.uuid;
}

describe('a sync', () => {
  test('publishes what the child made, answers with its report, and pays for it', async () => {
    const done = await sync({ source: app });
    expect(done).toMatchObject({ complete: true, generation: 1, symbols: 4 });
    expect(done.repository).toMatchObject({
      name: 'app',
      source: { kind: 'folder', path: app },
      state: 'ready',
      index: { generation: 1, chunks: 3, indexBytes: 1000, ageSeconds: 0 },
    });
    expect(kit.account.used).toBe(1000);
    expect(await kit.store.indexBytes(SPACE.key)).toBe(1000);
    expect(await get(done.repository.id)).toMatchObject({ lastResult: { symbols: 4 } });
    expect(await kit.folders.has(await uuidOf(), 1)).toBe(true);
    expect(kit.progress).toEqual(['parse', 'publish', 'publish']);
  });

  test('replaces the generation before, whose folder goes when its readers have let go', async () => {
    await folderSync();
    kit.script = writesIndex({ indexBytes: 700 });
    const id = await folderSync();
    await settled();
    const uuid = await uuidOf();
    expect((await get(id)).index).toMatchObject({ generation: 2, indexBytes: 700 });
    expect(kit.account.used).toBe(700);
    expect(kit.retired).toEqual([kit.folders.generation(uuid, 1)]);
    expect(await kit.folders.generations(uuid)).toEqual([2]);
  });

  test('tells the child what came before, unless all is to be made afresh', async () => {
    const seen: unknown[] = [];
    kit.script = (task, ...rest) => {
      seen.push([task.mode, task.previous?.generation, task.previous?.treeId]);
      return writesIndex()(task, ...rest);
    };
    await folderSync();
    await folderSync();
    for (const input of [{ mode: 'full' }, { force_full: true }, { incremental: false }] as const) await folderSync(input);
    expect(seen).toEqual([
      ['auto', undefined, undefined],
      ['auto', 1, 'tree 1'],
      ['full', undefined, undefined],
      ['full', undefined, undefined],
      ['full', undefined, undefined],
    ]);
  });

  test('that finds nothing new keeps the index and notes that it looked', async () => {
    const id = await folderSync();
    kit.script = async (task) => reportFor(task, { mode: 'unchanged', generation: 1 });
    await folderSync();
    expect(await get(id)).toMatchObject({ index: { generation: 1 }, lastResult: { mode: 'unchanged' } });
    expect(await kit.folders.generations(await uuidOf())).toEqual([1]);
    expect(kit.account.used).toBe(1000);
  });

  test('publishes text first where there is nothing yet, and never in the place of a whole index', async () => {
    const states: string[] = [];
    const look = async (): Promise<void> => {
      const found = await kit.store.byName(SPACE.key, 'app');
      states.push(`${found?.published?.generation} ${found?.published?.stage}`);
    };
    kit.script = async (task, signal, tell) => {
      const report = await writesIndex()(task, signal, tell);
      await expect.poll(async () => (await kit.store.byName(SPACE.key, 'app'))?.published).toBeDefined();
      await look();
      return report;
    };
    await folderSync();
    await look();
    await folderSync();
    await look();
    expect(states).toEqual(['1 text', '1 complete', '1 complete', '2 complete']);
    expect(kit.account.used).toBe(1000);
  });

  test('that fails leaves the index before, the account and no folder', async () => {
    const id = await folderSync();
    kit.script = async (task, signal, tell) => {
      await writesIndex()(task, signal, tell);
      throw new PolymniaError('upstream_failed', 'The host did not answer.');
    };
    await expect(folderSync()).rejects.toMatchObject(code('upstream_failed'));
    expect((await get(id)).index).toMatchObject({ generation: 1 });
    expect(await kit.folders.generations(await uuidOf())).toEqual([1]);
    expect(kit.account.used).toBe(1000);
    kit.script = writesIndex();
    await folderSync();
    expect((await get(id)).index).toMatchObject({ generation: 3 });
  });

  test('a first one that fails after its text leaves the text, and the next one starts from nothing', async () => {
    kit.script = async (task, signal, tell) => {
      await writesIndex()(task, signal, tell);
      throw new PolymniaError('internal', 'boom');
    };
    await expect(folderSync()).rejects.toMatchObject(code('internal'));
    const uuid = await uuidOf();
    expect((await kit.store.get(SPACE.key, uuid))?.published).toMatchObject({ generation: 1, stage: 'text', indexBytes: 300 });
    expect(await kit.folders.has(uuid, 1)).toBe(true);
    expect(kit.account.used).toBe(300);
    let previous: unknown = 'unseen';
    kit.script = (task, ...rest) => {
      previous = task.previous;
      return writesIndex()(task, ...rest);
    };
    await folderSync();
    expect(previous).toBeUndefined();
    expect(kit.account.used).toBe(1000);
  });

  test('that was cancelled publishes nothing, even if its child ended well', async () => {
    const id = await folderSync();
    const cancel = new AbortController();
    kit.script = async (task, signal, tell) => {
      const report = await writesIndex()(task, signal, tell);
      cancel.abort(new PolymniaError('cancelled', 'The job was cancelled.'));
      return report;
    };
    await expect(folderSync({}, { signal: cancel.signal })).rejects.toMatchObject(code('cancelled'));
    expect((await get(id)).index).toMatchObject({ generation: 1 });
    expect(await kit.folders.generations(await uuidOf())).toEqual([1]);
  });

  test('whose lease was lost publishes nothing', async () => {
    const id = await folderSync();
    const lost = async (): Promise<void> => {
      throw new PolymniaError('conflict', 'The lease was lost.');
    };
    await expect(folderSync({}, { confirm: lost })).rejects.toMatchObject(code('conflict'));
    expect((await get(id)).index).toMatchObject({ generation: 1 });
    expect(await kit.folders.generations(await uuidOf())).toEqual([1]);
  });

  test('of one repository waits for the other; of two repositories neither does', async () => {
    let running = 0;
    let most = 0;
    kit.script = async (task, signal, tell) => {
      most = Math.max(most, ++running);
      const report = await writesIndex()(task, signal, tell);
      running -= 1;
      return report;
    };
    await Promise.all([folderSync(), folderSync(), folderSync()]);
    expect(most).toBe(1);
    const gate = Promise.withResolvers<void>();
    kit.script = async (task, signal, tell) => {
      if (++running === 2) gate.resolve();
      await gate.promise;
      return writesIndex()(task, signal, tell);
    };
    await Promise.all([folderSync({ name: 'x' }), folderSync({ name: 'y' })]);
  });

  test('that says nonsense is refused, and nothing of it is published', async () => {
    kit.script = async () => ({ complete: true });
    await expect(folderSync()).rejects.toMatchObject(code('internal'));
    expect((await kit.store.byName(SPACE.key, 'app'))?.published).toBeUndefined();
  });
});

describe('storage', () => {
  test('a first sync is not begun on a full account', async () => {
    kit.account.left = 0;
    let asked = false;
    kit.script = async (task) => {
      asked = true;
      return reportFor(task);
    };
    await expect(folderSync()).rejects.toMatchObject(code('quota_exceeded'));
    expect(asked).toBe(false);
  });

  test('an index that does not fit is not published; the child is stopped at its text already', async () => {
    kit.account.left = 200;
    kit.script = (task, signal, tell) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error));
        tell({ kind: 'text_ready', report: reportFor(task, { indexBytes: 300 }) });
      });
    await expect(folderSync()).rejects.toMatchObject(code('quota_exceeded'));
    const uuid = await uuidOf();
    expect((await kit.store.get(SPACE.key, uuid))?.published).toBeUndefined();
    expect(await kit.folders.generations(uuid)).toEqual([]);
    expect(kit.account.used).toBe(0);
  });

  test('what grows beyond the account leaves the index before; what shrinks is always taken', async () => {
    kit.account.left = 1100;
    const id = await folderSync();
    kit.script = writesIndex({ indexBytes: 1200 });
    await expect(folderSync()).rejects.toMatchObject(code('quota_exceeded'));
    expect((await get(id)).index).toMatchObject({ generation: 1 });
    kit.account.left = 0;
    kit.script = writesIndex({ indexBytes: 900 });
    await folderSync();
    expect(kit.account.used).toBe(900);
  });

  test('a space has at most so many repositories', async () => {
    for (const name of ['a', 'b', 'c']) await folderSync({ name });
    await expect(folderSync({ name: 'd' })).rejects.toMatchObject(code('quota_exceeded', 'MAX_REPOSITORIES_PER_SPACE'));
    await folderSync({ name: 'A' });
    await folderSync({ name: 'd' }, { space: OTHER });
  });
});

describe('sources', () => {
  const member = { userId: 'user_member' };

  test('whoever is not the owner needs an allowed root; the refusal names the command that allows it', async () => {
    const odd = join(kit.sources, "it's, odd");
    await mkdir(odd);
    await expect(folderSync({}, member)).rejects.toMatchObject(code('forbidden', `polymnia root add ${app}`));
    await expect(sync({ source: odd }, member)).rejects.toMatchObject({
      details: { command: `polymnia call set_code_roots --input '{"add":["${odd.replace("'", "'\\''")}"]}'` },
    });
    await kit.service.setRoots({ add: [kit.sources] }, kit.context());
    let roots: readonly string[] = [];
    kit.script = (task, ...rest) => {
      roots = task.allowedRoots;
      return writesIndex()(task, ...rest);
    };
    await folderSync({}, member);
    expect(roots).toEqual([kit.sources]);
    await kit.service.setRoots({ remove: [kit.sources] }, kit.context());
    await expect(sync({ name: 'app' }, member)).rejects.toMatchObject(code('forbidden'));
    await sync({ name: 'app' });
    expect(roots).toEqual([app]);
  });

  test('the refusal is the same for what is there and what is not', async () => {
    const refusals = await Promise.all(
      ['app', 'nothing', 'app/../app'].map((path) =>
        sync({ source: `${kit.sources}/${path}`, name: 'n' }, member).catch((error: Error) => error.message),
      ),
    );
    expect(new Set(refusals.map((text) => String(text).replaceAll(/sources\S*/g, 'PATH'))).size).toBe(1);
    expect(refusals[0]).toContain('No administrator has allowed');
  });

  test('on a bind that others reach the owner needs a root too', async () => {
    await using open = await RepositoryKit.open({ ownerMayNameAnyFolder: false });
    await mkdir(open.sources, { recursive: true });
    await expect(open.service.sync({ source: open.sources }, open.context())).rejects.toMatchObject(code('forbidden'));
  });

  test('what is no folder, and the data folder of the server, are no sources', async () => {
    await writeFile(join(app, 'file'), '');
    for (const path of ['nothing', 'app/file']) {
      await expect(sync({ source: join(kit.sources, path) })).rejects.toMatchObject(code('invalid_input', 'no such folder'));
    }
    await expect(sync({ source: join(kit.sources, '../data') })).rejects.toMatchObject(code('invalid_input', 'data folder'));
    await expect(kit.service.setRoots({ add: [join(kit.sources, '../data')] }, kit.context())).rejects.toMatchObject(code('invalid_input'));
    await expect(kit.service.setRoots({ add: ['relative'] }, kit.context())).rejects.toMatchObject(code('invalid_input', 'absolute path'));
  });

  test('a name keeps its source unless another is said on purpose', async () => {
    const next = join(kit.sources, 'next');
    await mkdir(next);
    await folderSync();
    await expect(sync({ source: next, name: 'APP' })).rejects.toMatchObject({
      ...code('conflict', 'replaceSource'),
      details: { source: { kind: 'folder', path: app } },
    });
    const clone = kit.folders.clone(await uuidOf());
    await mkdir(clone, { recursive: true });
    const done = await sync({ source: next, name: 'app', replaceSource: true });
    expect(done.repository.source).toEqual({ kind: 'folder', path: next });
    await expect(mkdir(clone)).resolves.toBeUndefined();
    expect((await sync({ name: 'app' })).repository.source).toMatchObject({ path: next });
  });

  test('a name whose first sync failed takes another source without ado', async () => {
    kit.script = async () => {
      throw new PolymniaError('upstream_failed', 'no such host');
    };
    await expect(sync({ source: 'https://example.org/wrong.git', name: 'app' })).rejects.toMatchObject(code('upstream_failed'));
    kit.script = writesIndex();
    expect((await sync({ source: 'https://example.org/right.git', name: 'app' })).repository.source).toEqual({
      kind: 'git',
      url: 'https://example.org/right.git',
    });
  });

  test('a branch stays until another is said', async () => {
    const source = 'https://example.org/a/tool.git';
    expect((await sync({ source, branch: 'dev' })).repository).toMatchObject({ name: 'tool', source: { branch: 'dev' } });
    expect((await sync({ source })).repository.source).toMatchObject({ branch: 'dev' });
    expect((await sync({ name: 'tool', branch: 'main' })).repository.source).toMatchObject({ branch: 'main' });
    await expect(sync({ source: 'ssh://git@example.org/x.git' })).rejects.toMatchObject(code('invalid_input', 'GIT_ALLOW_SSH'));
  });
});

describe('what others see', () => {
  test('a repository of another space is not there', async () => {
    const id = await folderSync();
    await expect(get(id, { space: OTHER })).rejects.toMatchObject(code('not_found', 'No such repository.'));
    await expect(kit.service.remove({ id }, kit.context({ space: OTHER }))).rejects.toMatchObject(code('not_found', 'No such repository.'));
    expect((await kit.service.list({ limit: 10 }, kit.context({ space: OTHER }))).repositories).toEqual([]);
    expect(await get(id)).toMatchObject({ state: 'ready' });
  });

  test('lists come in pages, with the sync that runs', async () => {
    for (const name of ['b', 'a', 'C']) await folderSync({ name });
    kit.jobs.push({ id: 'job_q', state: 'queued', nameKey: 'c' });
    kit.jobs.push({ id: 'job_r', state: 'running', nameKey: 'c', progress: { phase: 'parse', done: 3, total: 9, unit: 'files', at: 5 } });
    const first = await kit.service.list({ limit: 2 }, kit.context());
    expect(first.repositories.map(({ name }) => name)).toEqual(['a', 'b']);
    const rest = await kit.service.list({ limit: 2, cursor: first.nextCursor }, kit.context());
    expect(rest.nextCursor).toBeUndefined();
    expect(rest.repositories).toMatchObject([
      {
        name: 'C',
        state: 'ready',
        sync: { jobId: 'job_r', state: 'running', progress: { phase: 'parse', done: 3, at: '1970-01-01T00:00:00.005Z' } },
      },
    ]);
    await expect(kit.service.list({ limit: 2, cursor: 'x' }, kit.context())).rejects.toMatchObject(code('invalid_input', 'cursor'));
  });
});

describe('removal', () => {
  test('hides at once, gives the storage back, stops syncs of it alone, and clears the folder', async () => {
    const id = await folderSync();
    const kept = await folderSync({ name: 'kept' });
    const uuid = await uuidOf();
    kit.jobs.push({ id: 'job_app', state: 'running', nameKey: 'app' }, { id: 'job_kept', state: 'running', nameKey: 'kept' });
    expect(await kit.service.remove({ id }, kit.context())).toEqual({ id, name: 'app', removed: true, freedBytes: 1000 });
    await expect(get(id)).rejects.toMatchObject(code('not_found'));
    await expect(kit.service.remove({ id }, kit.context())).rejects.toMatchObject(code('not_found'));
    expect(kit.cancelled).toEqual(['job_app']);
    expect(kit.account.used).toBe(1000);
    await settled();
    expect(await kit.folders.list()).toEqual([await uuidOf('kept')]);
    expect(kit.retired).toEqual([kit.folders.generation(uuid, 1)]);
    expect(await get(kept)).toMatchObject({ state: 'ready' });
  });

  test('in the middle of a sync leaves nothing behind', async () => {
    const id = await folderSync();
    const uuid = await uuidOf();
    kit.script = async (task, signal, tell) => {
      await mkdir(task.cloneFolder, { recursive: true });
      await kit.service.remove({ id }, kit.context());
      return writesIndex()(task, signal, tell);
    };
    await expect(folderSync()).rejects.toMatchObject(code('cancelled', 'The repository was removed.'));
    await settled();
    expect(await kit.folders.list()).toEqual([]);
    expect(await kit.store.publishedOf(uuid)).toBeUndefined();
    expect(kit.account.used).toBe(0);
  });

  test('of a space takes all its repositories and no other', async () => {
    await folderSync();
    await folderSync({ name: 'b' });
    const other = await folderSync({}, { space: OTHER });
    expect(await kit.service.dropSpace(SPACE.key)).toEqual({ bytes: 2000 });
    expect(await kit.service.dropSpace(SPACE.key)).toEqual({ bytes: 0 });
    expect(await kit.folders.list()).toHaveLength(1);
    expect(await get(other, { space: OTHER })).toMatchObject({ state: 'ready' });
  });
});

describe('the clean-up', () => {
  test('removes what no row names, and nothing that is read', async () => {
    await folderSync();
    const uuid = await uuidOf();
    const lost = 'f'.repeat(32);
    for (const [of, generation] of [
      [uuid, 7],
      [lost, 1],
    ] as const) {
      await mkdir(kit.folders.generation(of, generation), { recursive: true });
    }
    await mkdir(kit.folders.clone(lost));
    expect(await kit.service.sweep()).toEqual({ repositories: 1, generations: 1, missing: 0 });
    expect(await kit.folders.list()).toEqual([uuid]);
    expect(await kit.folders.generations(uuid)).toEqual([1]);
    expect(await kit.service.sweep()).toEqual({ repositories: 0, generations: 0, missing: 0 });
  });

  test('leaves the folder of a sync that runs', async () => {
    kit.script = async (task, signal, tell) => {
      expect(await kit.service.sweep()).toEqual({ repositories: 0, generations: 0, missing: 0 });
      return writesIndex()(task, signal, tell);
    };
    expect(await get(await folderSync())).toMatchObject({ state: 'ready' });
  });

  test('an index whose files are not there, as after a restore, needs a sync and costs nothing', async () => {
    const id = await folderSync();
    await kit.folders.remove(await uuidOf());
    expect(await kit.service.sweep()).toEqual({ repositories: 0, generations: 0, missing: 1 });
    expect(await get(id)).toMatchObject({ state: 'needs_sync', lastResult: { generation: 1 } });
    expect(await kit.store.indexBytes(SPACE.key)).toBe(0);
    await folderSync();
    expect(await get(id)).toMatchObject({ state: 'ready', index: { generation: 2 } });
  });
});
