import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../kernel/clock.ts';
import { PolymniaError } from '../../kernel/errors.ts';
import type { ChildTasks } from '../jobs/index.ts';
import { type CodeAnalyses, createCodeAnalyses } from './analysing.ts';
import { analyse } from './analysis/analyse.ts';
import { generationOf } from './analysis/analysis-test-kit.ts';
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

/** A child that does the work on a generation of one file. */
const whole: Runner = async ({ payload }, tell) => {
  const request = { ...(payload as AnalysisTask), generation: generationOf([{ path: 'a.py', functions: [['f', 1, 2, 3, 4]] }]) };
  await analyse(request, {
    spentMs: () => 0,
    breathe: async () => {},
    progress: (phase, done, total, unit) => tell({ kind: 'progress', phase, done, total, unit }),
    ended: (phase, result) => tell({ kind: 'phase', phase, result }),
  });
  return { outcome: 'done' };
};

const run = (call: Parameters<RepositoryKit['context']>[0] = {}): ReturnType<CodeAnalyses['analyze']> =>
  analyses.analyze({ repository }, kit.context(call));
const read = (): ReturnType<CodeAnalyses['get']> => analyses.get({ repository, format: 'json' }, kit.context());

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
