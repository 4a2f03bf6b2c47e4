import { mkdir, readdir, readFile, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ERROR_TABLE } from '../../kernel/errors.ts';
import { type CliBench, openCliBench } from './cli-test-kit.ts';

let bench: CliBench;

beforeAll(async () => {
  bench = await openCliBench();
});

afterAll(() => bench[Symbol.asyncDispose]());

interface ImportAnswer {
  readonly created: number;
  readonly problems: readonly { readonly place?: string; readonly line?: number }[];
}

async function importJson(...argv: readonly string[]): Promise<ImportAnswer & { readonly code: number }> {
  const { code, out, err } = await bench.run(['import', ...argv, '--json']);
  expect(err).toBe('');
  return { ...(JSON.parse(out) as ImportAnswer), code };
}

async function contents(tag: string): Promise<readonly string[]> {
  const { out } = await bench.run(['search', '--tag', tag, '--json']);
  return (JSON.parse(out) as { results: { content: string }[] }).results.map(({ content }) => content).toSorted();
}

describe('import finds out the format of', () => {
  test('our own lines, bad ones by number', async () => {
    const path = await bench.file('own.jsonl', '{"content":"own one","tags":["own"]}\nnot json\n{"content":""}\n');
    expect(await importJson(path)).toMatchObject({ code: 2, created: 1, problems: [{ line: 2 }, { line: 3 }] });
    expect(await contents('own')).toEqual(['own one']);
  });

  test('mem0 exports', async () => {
    const path = await bench.file(
      'mem0.json',
      JSON.stringify({ results: [{ memory: 'likes blue', categories: ['mem0'] }, { id: 'x' }] }, undefined, 2),
    );
    expect(await importJson(path)).toMatchObject({ code: 2, created: 1, problems: [{ place: 'item 2' }] });
    expect(await contents('mem0')).toEqual(['likes blue']);
  });

  test('exports of mcp-memory-service', async () => {
    const path = await bench.file(
      'service.json',
      JSON.stringify({ memories: [{ content: 'from the service', tags: 'svc', created_at: 1_700_000_000.5 }] }),
    );
    expect(await importJson(path)).toMatchObject({ code: 0, created: 1 });
    expect(await contents('svc')).toEqual(['from the service']);
  });

  test('its SQLite file, deleted rows left out', async () => {
    const path = join(bench.folder, 'service.db');
    {
      using file = new DatabaseSync(path);
      file.exec(
        'PRAGMA journal_mode = WAL; CREATE TABLE memories (id INTEGER PRIMARY KEY, content TEXT, tags TEXT, created_at REAL, deleted_at REAL)',
      );
      file.exec("INSERT INTO memories (content, tags, deleted_at) VALUES ('from a row', 'sql', NULL), ('dead', 'sql', 1.0), (NULL, 'sql', NULL)");
    }
    expect(await importJson(path)).toMatchObject({ code: 2, created: 1, problems: [{ place: 'row 3' }] });
    expect(await contents('sql')).toEqual(['from a row']);
  });

  test('the MCP reference memory', async () => {
    const lines = [
      { type: 'entity', name: 'Bob', entityType: 'bobtype', observations: ['runs', 'swims'] },
      { type: 'relation', from: 'Bob', to: 'Ann', relationType: 'knows' },
    ];
    const path = await bench.file('memory.json', `${lines.map((line) => JSON.stringify(line)).join('\n')}\nbroken\n`);
    expect(await importJson(path)).toMatchObject({ code: 2, created: 3, problems: [{ place: 'line 3' }] });
    expect(await contents('bobtype')).toEqual(['Bob: runs', 'Bob: swims']);
  });

  test('a folder of Markdown, links not followed', async () => {
    const folder = join(bench.folder, 'notes');
    await mkdir(join(folder, 'sub'), { recursive: true });
    await mkdir(join(folder, '.git'));
    await bench.file('secret.md', 'outside the folder');
    await bench.file('notes/a.md', '---\ntags: [md]\n---\n# A\ntext');
    await bench.file('notes/sub/b.md', '---\ntags: [md]\n---\nsub text');
    await bench.file('notes/bad.md', Buffer.from([0xff, 0xfe, 0x00]));
    await bench.file('notes/.git/c.md', 'hidden');
    await symlink(join(bench.folder, 'secret.md'), join(folder, 'link.md'));
    expect(await importJson(folder)).toMatchObject({ code: 2, created: 2, problems: [{ place: 'bad.md' }] });
    expect(await contents('md')).toEqual(['# A\ntext', 'sub text']);
  });

  test('nothing it knows: it says so', async () => {
    const path = await bench.file('other.txt', 'plain text');
    expect(await bench.run(['import', path])).toMatchObject({ code: 2, out: '', err: expect.stringContaining('--format') as string });
    const views = join(bench.folder, 'views.db');
    {
      using file = new DatabaseSync(views);
      file.exec("CREATE VIEW memories AS SELECT 'x' AS content");
    }
    expect((await bench.run(['import', views])).err).toContain('no table "memories"');
  });
});

test('what the server refuses in converted items is named by its place in the source', async () => {
  const items = [{ memory: 'fine', categories: ['placed'] }, { id: 'no text' }, { memory: 'x'.repeat(70_000) }];
  const path = await bench.file('places.json', JSON.stringify(items));
  expect(await importJson(path)).toMatchObject({ created: 1, problems: [{ place: 'item 2' }, { place: 'item 3' }] });
});

test('a body beyond the limit is refused while it is sent, and its source is let go', async () => {
  let isClosed = false;
  async function* endless(): AsyncGenerator<Buffer> {
    try {
      for (;;) yield Buffer.from('{"content":"again and again"}\n'.repeat(1000));
    } finally {
      isClosed = true;
    }
  }
  const stdin = Readable.from(endless());
  const { code } = await bench.run(['import', '-'], { stdin });
  expect(code).toBe(ERROR_TABLE.too_large.exitCode);
  expect({ isClosed, destroyed: stdin.destroyed }).toEqual({ isClosed: true, destroyed: true });
});

test('an export is a whole file of its owner, and comes back as it was', async () => {
  const file = join(bench.folder, 'out.jsonl');
  expect((await bench.run(['export', file])).code).toBe(0);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect((await readdir(bench.folder)).filter((name) => name.endsWith('.part'))).toEqual([]);
  const lines = (await readFile(file, 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines.at(-1)).toEqual({ polymnia: 'end', memories: lines.length - 2 });
  expect((await bench.run(['export', file])).code).toBe(ERROR_TABLE.conflict.exitCode);
  const { out } = await bench.run(['export']);
  expect(out.split('\n').length).toBe(lines.length + 1);

  const space = JSON.parse((await bench.run(['space', 'create', 'Copy', '--json'])).out) as { space: { id: string } };
  expect(await importJson(file, '--space', space.space.id)).toMatchObject({ code: 0, created: lines.length - 2 });
});

test('a backup is restored, and sound', async () => {
  const backup = join(bench.folder, 'backup');
  const restored = join(bench.folder, 'restored');
  expect((await bench.run(['backup', 'backup'])).out).toMatch(/^Backed up \d+ files/);
  expect((await bench.run(['backup', backup])).code).not.toBe(0);
  expect((await bench.run(['restore', backup, '--data-dir', restored])).code).toBe(0);
  expect((await bench.run(['doctor', '--offline', '--data-dir', restored])).out).toMatch(/✓ files +\d+ files are sound/);
});

test('a clean-up only tells, unless it is told to do it', async () => {
  const asked = await bench.run(['clean-up']);
  expect(asked).toMatchObject({ code: 0, err: expect.stringContaining('give --yes') });
  expect(JSON.parse((await bench.run(['clean-up', '--json'])).out)).toMatchObject({ dryRun: true, archived: 0 });
  expect(JSON.parse((await bench.run(['clean-up', '--yes', '--json'])).out)).toMatchObject({ dryRun: false, complete: true });
  expect((await bench.run(['clean-up', 'everything'])).code).not.toBe(0);
});
