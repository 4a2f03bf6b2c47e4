import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../kernel/clock.ts';
import { createSeededRandom } from '../../kernel/seeded-random.ts';
import type { SyncBudgets, SyncReport } from '../../domains/code/model.ts';
import type { SyncEvent, SyncTask } from '../../domains/code/ports.ts';
import { createSourceOpener } from '../../providers/sources/source-opener.ts';
import { readManifest } from '../../storage/sqlite/code/manifest-reader.ts';
import { indexContents } from './index-contents-test-kit.ts';
import { syncRepository } from './sync-repository.ts';

const BUDGETS: SyncBudgets = {
  maxFiles: 10_000,
  maxBytes: 1e9,
  maxTextBytes: 2e6,
  maxParseBytes: 1e6,
  maxParseMs: 5000,
  maxPathDepth: 64,
  cloneBytes: 1e9,
  cloneMs: 60_000,
};

let base: string;
let source: string;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'polymnia-sync-'));
  source = join(base, 'source');
  await mkdir(source);
});

afterEach(() => rm(base, { recursive: true, force: true }));

async function put(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(join(source, path)), { recursive: true });
  await writeFile(join(source, path), content);
}

interface Ran {
  readonly report: SyncReport;
  readonly folder: string;
  readonly events: readonly SyncEvent[];
}

let generation = 0;

async function sync(previous?: Ran, change: Partial<SyncTask> = {}): Promise<Ran> {
  generation += 1;
  const folder = join(base, `g${generation}`);
  await mkdir(folder);
  const task: SyncTask = {
    source: { kind: 'folder', path: source },
    cloneFolder: join(base, 'clone'),
    allowedRoots: [base],
    folder,
    generation,
    mode: 'auto',
    budgets: BUDGETS,
    threads: 2,
    allowSsh: false,
    allowedPrivateHosts: [],
    ...(previous !== undefined && { previous: { folder: previous.folder, treeId: previous.report.treeId, generation: previous.report.generation } }),
    ...change,
  };
  const events: SyncEvent[] = [];
  const opener = createSourceOpener({ clock: systemClock, allowSsh: false, allowedPrivateHosts: [] });
  const event = (value: SyncEvent): void => void events.push(value);
  const report = await syncRepository(task, { opener, clock: systemClock, signal: new AbortController().signal, event });
  expect(report.filesSeen).toBe(report.filesIndexed + report.skipped.reduce((sum, { count }) => sum + count, 0));
  expect(report.phases.every(({ seconds }) => seconds >= 0)).toBe(true);
  return { report, folder: report.mode === 'unchanged' && previous !== undefined ? previous.folder : folder, events };
}

const python = (name: string, used: string): string =>
  `import os\n\n\nclass Box_${name}:\n    """Keeps things."""\n\n    def open_${name}(self, key):\n        return ${used}(key)\n\n\ndef ${name}(x):\n    if x:\n        return os.path.join(x)\n    return Box_${name}().open_${name}(x)\n`;

describe('a sync', () => {
  it('of a new folder publishes text first, then symbols, and tells what it left out', async () => {
    await put('app/one.py', python('first', 'second'));
    await put('app/two.ts', 'export function second(key: string): string {\n  return key.trim();\n}\n');
    await put('notes.txt', 'Grüße\r\nan alle');
    await put('latin1.txt', Buffer.from('caf\u00e9 au lait, \u00fcberall\n', 'latin1'));
    await put('utf16.txt', Buffer.from('\ufeffzwei Zeilen\nhier\n', 'utf16le'));
    await put('logo.bin', Uint8Array.of(1, 2, 0, 3));
    await put('large.txt', 'x'.repeat(BUDGETS.maxTextBytes + 1));
    await put('asset.psd', 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n');
    await symlink('/etc/passwd', join(source, 'link'));
    const { report, folder, events } = await sync();
    expect(report).toMatchObject({ complete: true, mode: 'full', filesSeen: 9, filesIndexed: 5, filesAdded: 5, filesChanged: 0, filesRemoved: 0 });
    expect(report.skipped.map(({ reason, examples }) => `${reason}: ${examples.join()}`).sort()).toEqual([
      'binary: logo.bin',
      'lfs_pointer: asset.psd',
      'symlink: link',
      'too_large: large.txt',
    ]);
    expect(report.chunks).toEqual({ new: expect.any(Number), kept: 0, removed: 0 });
    const ready = events.find(({ kind }) => kind === 'text_ready');
    expect(ready).toMatchObject({ report: { filesIndexed: 5, symbols: 0, generation: report.generation } });
    const { texts, symbols, references, trigrams } = indexContents(folder);
    expect(texts.filter((text) => !text.startsWith('app/'))).toEqual([
      'latin1.txt 24 café au lait, überall\n',
      'notes.txt 16 Grüße\r\nan alle',
      'utf16.txt 17 zwei Zeilen\nhier\n',
    ]);
    expect(symbols.join('\n')).toMatch(
      /one\.py .*"name":"open_first".*"kind":"method"[^]*two\.ts .*"name":"second","name_key":"second","kind":"function"/,
    );
    expect(references).toContain('app/one.py second 1');
    expect(trigrams).toContain(`app/one.py ${('b'.charCodeAt(0) << 16) | ('o'.charCodeAt(0) << 8) | 'x'.charCodeAt(0)}`);
    expect(await readdir(folder)).not.toContain('manifest.next.db');
  });

  it('tells its progress, which never goes back within a phase', async () => {
    for (let at = 0; at < 40; at++) await put(`f${at}.py`, python(`name${at}`, 'other'));
    const { events } = await sync();
    const progress = events.flatMap((event) => (event.kind === 'progress' ? [event] : []));
    for (const phase of ['read', 'parse', 'write']) {
      const done = progress.filter((event) => event.phase === phase).map((event) => event.done);
      expect(done, phase).toEqual([...done].sort((a, b) => a - b));
    }
    expect(progress.filter(({ phase }) => phase === 'parse').at(-1)).toMatchObject({ done: 40, total: 40, unit: 'files' });
  });

  it('of an unchanged folder writes nothing and says what is there', async () => {
    await put('a.py', python('first', 'second'));
    await put('b.bin', Uint8Array.of(0, 1));
    const first = await sync();
    const second = await sync(first);
    const { phases: _some, ...report } = second.report;
    const { phases: _others, ...before } = first.report;
    expect(report).toEqual({ ...before, mode: 'unchanged', filesAdded: 0, chunks: { new: 0, kept: before.chunks.new, removed: 0 } });
    expect(await readdir(join(base, `g${generation}`))).toEqual([]);
  });

  it('of changes links what stays and leaves the generation before as it was', async () => {
    for (let at = 0; at < 20; at++) await put(`f${at}.py`, python(`name${at}`, 'other'));
    const first = await sync();
    const before = indexContents(first.folder);
    await put('f3.py', python('altered', 'other'));
    await put('new.py', python('fresh', 'other'));
    await rm(join(source, 'f7.py'));
    const second = await sync(first);
    expect(second.report).toMatchObject({ mode: 'incremental', filesAdded: 1, filesChanged: 1, filesRemoved: 1, filesIndexed: 20 });
    expect(second.report.chunks.kept + second.report.chunks.removed).toBe(first.report.chunks.new);
    const [segment] = (await readdir(first.folder)).filter((name) => name.endsWith('.text.db'));
    expect((await stat(join(second.folder, segment ?? ''))).nlink).toBe(2);
    expect(indexContents(first.folder)).toEqual(before);
    expect(indexContents(second.folder)).toEqual(indexContents((await sync()).folder));
  });

  it('leaves out what is over a budget, says so, and takes it up when the budget allows', async () => {
    for (let at = 0; at < 9; at++) await put(`f${at}.py`, python(`name${at}`, 'other'));
    const cut = await sync(undefined, { budgets: { ...BUDGETS, maxFiles: 5 } });
    expect(cut.report).toMatchObject({ complete: false, filesSeen: 9, filesIndexed: 5, skipped: [{ reason: 'file_budget', count: 4 }] });
    const again = await sync(cut, { budgets: { ...BUDGETS, maxFiles: 5 } });
    expect(again.report).toMatchObject({ complete: false, mode: 'unchanged' });
    const whole = await sync(cut);
    expect(whole.report).toMatchObject({ complete: true, mode: 'incremental', filesAdded: 4, filesIndexed: 9 });
    expect(indexContents(whole.folder)).toEqual(indexContents((await sync()).folder));
  });

  it('lists what could not be parsed', async () => {
    await put('big.py', python('first', 'second').repeat(60));
    const { report } = await sync(undefined, { budgets: { ...BUDGETS, maxParseBytes: 1000 } });
    expect(report.notParsed).toEqual([{ reason: 'too_large', count: 1, examples: ['big.py'] }]);
  });

  it.each([
    ['is gone', (folder: string) => rm(folder, { recursive: true })],
    ['is damaged', (folder: string) => writeFile(join(folder, 'manifest.db'), 'no database')],
    ['never came to its symbols', (folder: string) => execFileSync(process.execPath, ['-e', TEXT_ONLY, join(folder, 'manifest.db')])],
  ])('makes everything afresh when the generation before %s', async (_what, spoil) => {
    await put('a.py', python('first', 'second'));
    const first = await sync();
    await spoil(first.folder);
    expect((await sync(first)).report).toMatchObject({ mode: 'full', filesIndexed: 1 });
  });

  it('makes everything afresh when it is asked to, or parses by other budgets', async () => {
    await put('a.py', python('first', 'second'));
    const first = await sync();
    expect((await sync(first, { mode: 'full' })).report.mode).toBe('full');
    expect((await sync(first, { budgets: { ...BUDGETS, maxParseBytes: 5000 } })).report.mode).toBe('full');
  });

  it('of an empty folder is an empty index', async () => {
    const { report, folder } = await sync();
    expect(report).toMatchObject({ complete: true, filesSeen: 0, filesIndexed: 0, symbols: 0, sourceBytes: 0 });
    expect(indexContents(folder).texts).toEqual([]);
    await put('a.py', python('first', 'second'));
    expect((await sync({ report, folder, events: [] })).report).toMatchObject({ mode: 'incremental', filesAdded: 1 });
  });
});

const TEXT_ONLY = `const { DatabaseSync } = require('node:sqlite');
new DatabaseSync(process.argv[1]).exec("update meta set value = 'text' where key = 'stage'")`;

describe('fifty revisions in a row', () => {
  it('end in the index that a fresh sync makes', async () => {
    const random = createSeededRandom(11);
    const pick = (count: number): number => Math.floor(random() * count);
    const paths = new Set<string>();
    for (let at = 0; at < 40; at++) await write(`src/m${pick(5)}/f${at}.py`);
    let last = await sync();
    const counts = { segments: 0, merges: 0 };
    for (let revision = 0; revision < 50; revision++) {
      for (let change = 0; change <= pick(4); change++) await alter(revision);
      last = await sync(last);
      const segments = readManifest(last.folder)?.segments.length ?? 0;
      if (segments < counts.segments) counts.merges += 1;
      counts.segments = segments;
      expect(segments).toBeLessThanOrEqual(9);
      if (revision % 25 === 24) expect(indexContents(last.folder)).toEqual(indexContents((await sync()).folder));
    }
    expect(counts.merges).toBeGreaterThan(1);

    async function write(path: string): Promise<void> {
      paths.add(path);
      await put(path, pick(12) === 0 ? Uint8Array.of(0, pick(256)) : python(`name${pick(1000)}`, `used${pick(30)}`).repeat(1 + pick(3)));
    }

    async function alter(revision: number): Promise<void> {
      const all = [...paths];
      const path = all[pick(all.length)] ?? '';
      const kind = pick(10);
      if (kind < 5 || all.length < 10) return await write(path);
      if (kind < 7) return await write(`src/m${pick(8)}/r${revision}-${pick(100)}.py`);
      paths.delete(path);
      if (kind === 7) return await rm(join(source, path));
      const to = path.replace(/(\w+)\.py$/, `$1x.py`);
      paths.add(to);
      await rename(join(source, path), join(source, to));
    }
  }, 60_000);
});
