import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GetAnalysisOutput } from '../../src/domains/code/analysis/outputs.ts';
import { PHASES } from '../../src/domains/code/analysis/result.ts';
import { childrenOf } from '../support/children.ts';
import { eventually } from '../support/leaks.ts';
import { manySources, smallSources, writeSources } from '../support/sources.ts';
import { canary, type Citizen, openTown, type Town } from '../support/town.ts';

let town: Town;
let ann: Citizen;
let word: string;
/** A repository that takes a moment to analyse. */
let shared: string;

beforeAll(async () => {
  word = canary();
  town = await openTown();
  ann = await town.citizen('ann');
  shared = (await synced({ ...smallSources(word), ...manySources(FILES) }, 'shared')).repository;
});
afterAll(() => town[Symbol.asyncDispose]());

/** A function of `branches` decisions, one in the other. */
function nested(name: string, branches: number): string {
  const ifs = Array.from({ length: branches }, (_, depth) => `${'    '.repeat(depth + 1)}if value > ${depth}:`);
  return `def ${name}(value):\n${ifs.join('\n')}\n${'    '.repeat(branches + 1)}return value\n    return 0\n`;
}

const FILES = 300;
const HOSTILE = 'docs/a|b `c` <img src=x onerror=alert(1)> [d](http://e.example) # *f*.py';

async function synced(files: Parameters<typeof writeSources>[1], name: string): Promise<{ readonly repository: string; readonly source: string }> {
  const source = await town.sources(files);
  const answer = await town.done(ann, 'sync_repository', { source, name });
  return { repository: (answer['repository'] as { id: string }).id, source };
}

async function read(repository: string, input: Readonly<Record<string, unknown>> = {}): Promise<GetAnalysisOutput> {
  return (await town.done(ann, 'get_analysis', { repository, ...input })) as unknown as GetAnalysisOutput;
}

describe('an analysis', () => {
  it('says what is in a repository, over REST and MCP, as data and as a page; the next one says what changed', async () => {
    const copied = Array.from({ length: 30 }, (_, n) => `total_${n} = first_${n} + second_${n} * ${n}`).join('\n');
    const { repository, source } = await synced(
      {
        ...smallSources(word),
        'src/__init__.py': '',
        'src/tangle.py': `from .harbour import Pier\nimport os\n\n${nested('knot', 12)}`,
        'src/left.py': `from . import right\n\n${copied}\n`,
        'src/right.py': `from src import left\nimport nowhere_else.deep\n\n${copied}\n`,
        [HOSTILE]: nested('odd', 3),
      },
      'whole',
    );
    expect(await read(repository)).toMatchObject({ ended: [], kept: [] });

    const answer = await town.done(ann, 'batch_analyze', { repository });
    expect(answer).toMatchObject({
      complete: true,
      analysis: { state: 'complete', generation: 1 },
      job: { state: 'succeeded', subject: 'whole' },
    });
    const { jobs } = (await town.done(ann, 'list_jobs', { subject: 'whole' })) as { jobs: { operation: string }[] };
    expect(jobs.map(({ operation }) => operation)).toEqual(['batch_analyze', 'sync_repository']);
    const { phases = {}, ended } = await read(repository);
    expect(ended).toEqual(PHASES);
    for (const name of PHASES) expect(phases[name]).toMatchObject({ complete: true });
    expect(phases.coverage).toMatchObject({ filesSeen: 9, files: 8, skipped: [{ reason: 'binary', count: 1, examples: ['image.bin'] }] });
    expect(phases.languages?.languages[0]).toMatchObject({ language: 'python' });
    expect(phases.complexity?.worst[0]).toMatchObject({ path: 'src/tangle.py', symbol: 'knot', cyclomatic: 13, line: 4 });
    expect(phases.dependencies?.externals.map(({ name }) => name)).toEqual(['nowhere_else', 'os']);
    expect(phases.dependencies?.mostImported.map(({ path }) => path)).toContain('src/harbour.py');
    expect(phases.changes).toMatchObject({ available: false, unavailable: expect.stringContaining('folder') as string });
    expect(phases.duplicates?.clusters[0]?.places.map(({ path }) => path)).toEqual(['src/left.py', 'src/right.py']);
    expect(phases.delta).toMatchObject({ newWorst: [], totals: [] });

    const needs = { from: 'src/tangle.py', to: 'src/harbour.py' };
    // A name that is taken from a package is in its __init__.py, as far as imports say.
    const others = ['src/left.py', 'src/right.py'].map((from) => ({ from, to: 'src/__init__.py' }));
    expect((await read(repository, { edges: true })).edges).toEqual({ edges: [...others, needs], found: 3, kept: 3 });
    const about = (await town.mcp(ann, 'get_analysis', { repository, path: 'src/harbour.py' })).body as unknown as GetAnalysisOutput;
    expect(about).toMatchObject({ phases: {}, edges: { edges: [needs] } });
    expect((await read(repository, { path: 'src/harbour.py', direction: 'out' })).edges?.edges).toEqual([]);

    const page = (await town.mcp(ann, 'get_analysis', { repository, format: 'markdown' })).body as unknown as GetAnalysisOutput;
    expect(page.phases).toBeUndefined();
    expect(page.markdown).toContain('# Analysis of whole');
    expect(page.markdown).toContain('knot');
    for (const sign of ['<img', '[d]', '`c`', 'a|b', '*f*', 'http://']) expect(page.markdown).not.toContain(sign);

    await writeSources(source, { 'src/tangle.py': nested('loose', 1), 'src/other.py': nested('snarl', 11) });
    await rm(join(source, 'src/left.py'));
    await town.done(ann, 'sync_repository', { name: 'whole' });
    const second = await town.mcp(ann, 'batch_analyze', { repository });
    expect(second.body).toMatchObject({ analysis: { generation: 2 }, changed: { newWorst: 1, fixedWorst: 1 } });
    const { phases: now = {}, kept } = await read(repository, { phases: ['delta'] });
    expect(Object.keys(now)).toEqual(['delta']);
    expect(now.delta?.newWorst).toMatchObject([{ path: 'src/other.py', symbol: 'snarl' }]);
    expect(now.delta?.fixedWorst).toMatchObject([{ path: 'src/tangle.py', symbol: 'knot' }]);
    expect(now.delta?.fixedWorst[0]?.now).toBeUndefined();
    expect(now.delta?.totals.find(({ name }) => name === 'files')).toEqual({ name: 'files', before: 8, after: 8 });
    expect(kept).toHaveLength(2);
    const first = await read(repository, { analysis: kept[1]?.id, phases: 'coverage' });
    expect(first).toMatchObject({ analysis: { generation: 1 }, phases: { coverage: { files: 8 } } });
  });

  it('asked for twice at once is one job', async () => {
    const answers = await Promise.all([1, 2].map(() => town.done(ann, 'batch_analyze', { repository: shared })));
    expect(new Set(answers.map((answer) => (answer['job'] as { id: string }).id)).size).toBe(1);
  });

  it('that is cancelled keeps the phases that had ended, and the analysis before', async () => {
    const repository = shared;
    await town.done(ann, 'batch_analyze', { repository });
    const { job } = (await town.done(ann, 'batch_analyze', { repository, background: true })) as { job: { id: string } };
    let seen = await read(repository);
    while (seen.analysis?.id !== job.id) {
      await new Promise((resolve) => setImmediate(resolve));
      seen = await read(repository);
    }
    for (const child of childrenOf(process.pid)) process.kill(child, 'SIGSTOP');
    await town.done(ann, 'cancel_job', { id: job.id });
    await eventually(async () => expect((await read(repository)).analysis).toMatchObject({ id: job.id, state: 'interrupted' }));
    const { ended, phases, kept } = await read(repository);
    expect(ended).toContain('coverage');
    expect(ended).not.toContain('delta');
    expect(phases?.coverage).toMatchObject({ files: FILES + 3 });
    expect(kept.map(({ state }) => state)).toEqual(['interrupted', 'complete']);
    await eventually(() => expect(childrenOf(process.pid)).toEqual([]));
  });
});

describe('refusals', () => {
  it("answer another user's repository as one that is not there", async () => {
    const bob = await town.citizen('bob');
    for (const name of ['batch_analyze', 'get_analysis']) {
      const answer = await town.rest(bob, name, { repository: shared });
      expect(answer.problem?.code, name).toBe('not_found');
      expect(answer.text).not.toContain(word);
    }
  });

  it('say what is missing', async () => {
    const none = await town.rest(ann, 'get_analysis', { repository: shared, analysis: 'job_nothing' });
    expect(none.problem).toMatchObject({ code: 'not_found', detail: expect.stringContaining('two newest') as string });
    const poor = await town.citizen('poor');
    await town.done(town.admin, 'update_user', { userId: poor.id, limits: { storageBytes: 100 } });
    await town.rest(poor, 'sync_repository', { source: await town.sources(smallSources(word)), name: 'empty' });
    const [empty] = (await town.done(poor, 'list_repositories'))['repositories'] as { id: string }[];
    const early = await town.rest(poor, 'batch_analyze', { repository: empty?.id });
    expect(early.problem).toMatchObject({ code: 'conflict', detail: expect.stringContaining('sync_repository') as string });
  });
});
