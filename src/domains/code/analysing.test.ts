import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../kernel/clock.ts';
import { PolymniaError } from '../../kernel/errors.ts';
import type { ChildTasks } from '../jobs/index.ts';
import { type CodeAnalyses, createCodeAnalyses } from './analysing.ts';
import { analyse } from './analysis/analyse.ts';
import { generationOf, type KitFile } from './analysis/analysis-test-kit.ts';
import { getAnalysisInput } from './analysis/inputs.ts';
import { PHASES } from './analysis/result.ts';
import type { AnalysisEvent, AnalysisTask, HistoryTask } from './analysis/task.ts';
import { repositoryId } from './outputs.ts';
import type { RepositorySource } from './model.ts';
import { RepositoryKit, reportFor, SPACE } from './repository-test-kit.ts';

type Runner = (task: Parameters<ChildTasks['run']>[0], tell: (event: AnalysisEvent) => void, signal: AbortSignal) => Promise<unknown>;

const UUID = '0123456789abcdef0123456789abcdef';
const GIT = { kind: 'git', url: 'https://git.example.test/x.git' } as const;

let kit: RepositoryKit;
let analyses: CodeAnalyses;
let runner: Runner;
let repository: string;

beforeEach(async () => {
  kit = await RepositoryKit.open();
  runner = whole;
  analyses = createCodeAnalyses({
    store: kit.store,
    folders: kit.folders,
    tasks: { run: (task, { signal, onEvent }) => runner(task, onEvent, signal) },
    clock: systemClock,
    settings: {
      budgets: { maxFiles: 9, maxBytes: 9, maxTextBytes: 9, maxParseBytes: 9, maxParseMs: 9, maxPathDepth: 9, cloneBytes: 9, cloneMs: 9 },
      allowSsh: false,
      allowedPrivateHosts: [],
    },
    budgets: { phaseMs: 1000, fingerprintBytes: 1 },
    hold: (...request) => kit.service.hold(...request),
  });
  repository = await make({ kind: 'folder', path: '/x' }, UUID);
  await publish(1);
});
afterEach(() => kit[Symbol.asyncDispose]());

async function make(source: RepositorySource, uuid: string): Promise<string> {
  await kit.store.ensure({ uuid, space: SPACE.key, name: uuid, nameKey: uuid, source, createdBy: 'user_owner', createdAt: 1 }, 9);
  return repositoryId({ space: SPACE.key, uuid });
}

async function publish(generation: number, stage: 'text' | 'complete' = 'complete', uuid = UUID): Promise<void> {
  const { treeId, symbols, sourceBytes, indexBytes, filesIndexed: files } = reportFor({ generation });
  await kit.store.publish(SPACE.key, uuid, { generation, stage, treeId, files, symbols, chunks: 1, sourceBytes, indexBytes, publishedAt: 1 });
}

/** A child that does the work on a generation of these files. */
const over =
  (files: readonly KitFile[]): Runner =>
  async ({ payload }, tell) => {
    const request = { ...(payload as AnalysisTask), generation: generationOf(files) };
    await analyse(request, {
      spentMs: () => 0,
      breathe: async () => {},
      progress: (phase, done, total, unit) => tell({ kind: 'progress', phase, done, total, unit }),
      edges: (blocks) => tell({ kind: 'edges', blocks }),
      ended: (phase, result) => tell({ kind: 'phase', phase, result }),
    });
    return { outcome: 'done' };
  };
const whole = over([{ path: 'a.py', functions: [['f', 1, 2, 3, 4]] }]);

const run = (call: Parameters<RepositoryKit['context']>[0] = {}): ReturnType<CodeAnalyses['analyze']> =>
  analyses.analyze({ repository }, kit.context(call));
const read = (input: Readonly<Record<string, unknown>> = {}): ReturnType<CodeAnalyses['get']> =>
  analyses.get(getAnalysisInput.parse({ repository, ...input }), kit.context());

describe('a run', () => {
  it('reads the generation that is published, and the next one when that is gone before it was opened', async () => {
    const folders: string[] = [];
    runner = async (task, ...rest) => {
      folders.push((task.payload as AnalysisTask).folder);
      if (folders.length > 1) return await whole(task, ...rest);
      await publish(2);
      return { outcome: 'replaced' };
    };
    expect(await run()).toMatchObject({ complete: true, analysis: { id: 'job_1', generation: 2, treeId: 'tree 2' } });
    expect(folders).toEqual([1, 2].map((generation) => kit.folders.generation(UUID, generation)));
  });

  it('gives up when that happens again and again, and needs a whole index', async () => {
    runner = async () => ({ outcome: 'replaced' });
    await expect(run()).rejects.toMatchObject({ code: 'conflict' });
    repository = await make({ kind: 'folder', path: '/y' }, UUID.replace('0', '1'));
    await expect(run()).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining('sync_repository') as string });
    await publish(1, 'text', UUID.replace('0', '1'));
    await expect(run()).rejects.toMatchObject({ code: 'conflict' });
  });

  it('shows its phases while it runs, and keeps them when it ends early', async () => {
    const stop = new AbortController();
    let running: unknown;
    runner = async (task, tell, signal) => {
      await whole(task, (event) => (event.kind === 'phase' && event.phase !== 'coverage' ? undefined : tell(event)), signal);
      for (;;) {
        const seen = await read();
        if (seen.ended.length > 0) {
          running = seen;
          break;
        }
      }
      stop.abort(new PolymniaError('cancelled', 'Enough.'));
      signal.throwIfAborted();
    };
    await expect(run({ signal: stop.signal })).rejects.toMatchObject({ code: 'cancelled' });
    expect(running).toMatchObject({ analysis: { id: 'job_1', state: 'running' }, ended: ['coverage'] });
    expect(await read()).toMatchObject({ analysis: { state: 'interrupted' }, ended: ['coverage'], phases: { coverage: { files: 1 } } });
  });

  it('taken up again is one of its own, and looks back on the last that came to its end', async () => {
    await run();
    const again = { ...kit.context(), job: { id: 'job_1', attempt: 2, askedAt: 1, confirm: async () => {} } };
    expect(await analyses.analyze({ repository }, again)).toMatchObject({ analysis: { id: 'job_1.2', state: 'complete' } });
    expect(await read()).toMatchObject({ phases: { delta: { against: { id: 'job_1' } } }, kept: [{ id: 'job_1.2' }, { id: 'job_1' }] });
  });

  it('stores nothing once it is no longer the one that runs', async () => {
    let asked = 0;
    const confirm = async (): Promise<void> => {
      asked += 1;
      if (asked > 1) throw new PolymniaError('cancelled', 'Another run has taken its place.');
    };
    await expect(run({ confirm })).rejects.toMatchObject({ code: 'cancelled' });
    expect((await read()).ended).toEqual(['coverage']);
    expect(asked).toBe(2);
  });

  it('ends with the repository', async () => {
    runner = async (task, tell, signal) => {
      await kit.store.remove(SPACE.key, UUID);
      tell({ kind: 'phase', phase: 'languages', result: { complete: true, seconds: 0, files: 1, lines: 1, bytes: 1, languages: [] } });
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      throw signal.reason as Error;
    };
    await expect(run()).rejects.toMatchObject({ code: 'not_found' });
  });

  it('takes no word from a child that is not a phase', async () => {
    runner = async (_task, tell) => {
      tell({ kind: 'phase', phase: 'languages', result: { nonsense: true } as never });
      return { outcome: 'done' };
    };
    await expect(run()).rejects.toMatchObject({ code: 'internal' });
  });

  it('shows only phases of the form it knows', async () => {
    const fields = { id: 'job_0', generation: 1, treeId: 't', startedAt: 1, finishedAt: 2, complete: true };
    await kit.store.putAnalysis(SPACE.key, UUID, { ...fields, phases: { languages: { rows: 'of another release' }, findings: [] } });
    expect(await read()).toMatchObject({ analysis: { id: 'job_0', state: 'complete' }, ended: [], phases: {} });
    expect(await run()).not.toHaveProperty('changed.newWorst', 1);
  });
});

describe('the history', () => {
  beforeEach(async () => {
    await kit.store.setSource(SPACE.key, UUID, GIT);
  });
  const withHistory =
    (history: (task: HistoryTask, signal: AbortSignal) => Promise<unknown>): Runner =>
    (task, tell, signal) =>
      task.kind === 'history' ? history(task.payload as HistoryTask, signal) : whole(task, tell, signal);
  const changes = async (): Promise<unknown> => (await read()).phases?.changes;

  it('of a git URL is read while nobody else may touch the clone', async () => {
    runner = withHistory(async ({ source, cloneFolder }) => {
      expect({ source, cloneFolder }).toEqual({ source: GIT, cloneFolder: kit.folders.clone(UUID) });
      expect(kit.service.locks()).toMatchObject([{ key: UUID, mode: 'write' }]);
      return { changes: [{ path: 'a.py', commits: 7, authors: 1, lastAt: 0 }] };
    });
    await run();
    expect(await changes()).toMatchObject({ available: true, hotSpots: [{ path: 'a.py', commits: 7, cyclomatic: 3, score: 21 }] });
    expect(kit.service.locks()).toEqual([]);
  });

  it.each([
    ['cannot be fetched', new PolymniaError('upstream_failed', 'The host did not answer.'), 'The host did not answer'],
    ['takes a child with it', new Error('The child process died.'), 'history could not be read'],
  ])('that %s is told as a reason, and the rest is there', async (_what, error, reason) => {
    runner = withHistory(() => Promise.reject(error));
    expect(await run()).toMatchObject({ complete: true });
    expect(await changes()).toMatchObject({ available: false, unavailable: expect.stringContaining(reason) as string });
  });

  it('is no reason to go on when the call was cancelled', async () => {
    const stop = new AbortController();
    runner = withHistory(async (_task, signal) => {
      stop.abort(new PolymniaError('cancelled', 'Enough.'));
      signal.throwIfAborted();
    });
    await expect(run({ signal: stop.signal })).rejects.toMatchObject({ code: 'cancelled' });
    expect((await read()).kept).toEqual([]);
  });
});

describe('the edges of the graph', () => {
  const FILES: readonly KitFile[] = [
    { path: 'app/main.py', imports: ['lib.one', 'lib.two', 'os'] },
    { path: 'lib/one.py', imports: ['lib.two'] },
    { path: 'lib/two.py' },
    { path: 'other.py', imports: ['app.main'] },
  ];
  const edges = async (input: Readonly<Record<string, unknown>>): Promise<unknown> =>
    (await read(input)).edges?.edges.map(({ from, to }) => `${from} > ${to}`);

  it('come when they are asked for, of all files or of a path, either way', async () => {
    runner = over(FILES);
    await run();
    const plain = await read();
    expect(plain.edges).toBeUndefined();
    expect(plain.phases?.dependencies).toMatchObject({ edges: 4, edgesKept: 4 });
    expect(await read({ edges: true })).toMatchObject({ phases: {}, edges: { found: 4, kept: 4 } });
    const whole = ['app/main.py > lib/one.py', 'app/main.py > lib/two.py', 'lib/one.py > lib/two.py', 'other.py > app/main.py'];
    expect(await edges({ edges: 'true' })).toEqual(whole);
    expect(await edges({ path: './app/main.py' })).toEqual([whole[0], whole[1], whole[3]]);
    expect(await edges({ path: 'lib/', direction: 'in' })).toEqual(whole.slice(0, 3));
    expect(await edges({ path: 'lib', direction: 'out' })).toEqual([whole[2]]);
    expect(await edges({ path: 'absent.py' })).toEqual([]);
    expect((await read({ path: 'lib', phases: ['coverage'] })).phases).toMatchObject({ coverage: { files: 4 } });
    const { markdown } = await read({ path: 'other.py', format: 'markdown' });
    expect(markdown).toContain('| other.py | app/main.py |');
  });

  it('come in pages, whose cursor is good for the same edges and goes on in the same analysis', async () => {
    runner = over(FILES);
    await run();
    const first = await read({ edges: true, limit: 3 });
    const { nextCursor: cursor } = first.edges ?? {};
    expect(first.edges?.edges).toHaveLength(3);
    const last = await read({ cursor, limit: 3 });
    expect(last.edges).toMatchObject({ edges: [{ from: 'other.py', to: 'app/main.py' }] });
    expect(last.edges?.nextCursor).toBeUndefined();
    for (const wrong of [{ cursor, path: 'lib' }, { cursor, direction: 'in' }, { cursor: 'x' }]) {
      await expect(read(wrong)).rejects.toMatchObject({ code: 'invalid_input', message: expect.stringContaining('cursor') as string });
    }
    const again = { ...kit.context(), job: { id: 'job_1', attempt: 2, askedAt: 1, confirm: async () => {} } };
    await analyses.analyze({ repository }, again);
    expect(await read({ cursor })).toMatchObject({ analysis: { id: 'job_1' }, edges: { edges: last.edges?.edges } });
    await expect(read({ cursor, analysis: 'job_1.2' })).rejects.toMatchObject({ code: 'invalid_input' });
    const third = { ...kit.context(), job: { id: 'job_2', attempt: 1, askedAt: 1, confirm: async () => {} } };
    await analyses.analyze({ repository }, third);
    await expect(read({ cursor })).rejects.toMatchObject({ code: 'not_found' });
  });

  it('that are not kept, or not yet, are said to be so', async () => {
    const head = { generation: 1, treeId: 't', startedAt: 1, complete: false };
    await kit.store.putAnalysis(SPACE.key, UUID, { ...head, id: 'job_0', phases: {} });
    expect((await read({ edges: true })).edges).toMatchObject({ edges: [], unavailable: expect.stringContaining('has not ended') as string });
    runner = over(FILES);
    await run();
    const { edgesKept: _kept, ...dependencies } = (await read()).phases?.dependencies ?? { edgesKept: 0 };
    await kit.store.putAnalysis(SPACE.key, UUID, { ...head, id: 'job_0', phases: { dependencies } });
    const older = await read({ analysis: 'job_0', edges: true });
    expect(older.edges).toMatchObject({ edges: [], unavailable: expect.stringContaining('batch_analyze') as string });
  });

  it('are written by the running job alone, before the phase that counts them', async () => {
    runner = over(FILES);
    let asked = 0;
    const confirm = async (): Promise<void> => {
      asked += 1;
      if (asked > PHASES.indexOf('dependencies')) throw new PolymniaError('cancelled', 'Another run has taken its place.');
    };
    await expect(run({ confirm })).rejects.toMatchObject({ code: 'cancelled' });
    expect((await read()).ended).toEqual(PHASES.slice(0, PHASES.indexOf('dependencies')));
    expect(await kit.store.edgeBlock(SPACE.key, UUID, 'job_1', 'out', 0)).toBeUndefined();
  });
});
