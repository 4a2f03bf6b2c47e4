import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ParsedFile } from '../../../domains/code/model.ts';
import { AnalysisRows } from './analysis-rows.ts';
import { type KitFile, writeGeneration } from './generation-test-kit.ts';
import { FILE_FLAGS } from './segment-schema.ts';

let folder: string;
beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'polymnia-rows-')), '1');
});
afterEach(() => rm(join(folder, '..'), { recursive: true, force: true }));

const COMPLEXITY = { cyclomatic: 3, cognitive: 4, nesting: 1, parameters: 2 };

/** One measured function and one that was not, named after the text. */
function parse(text: string): ParsedFile {
  const of = { kind: 'function', container: 'Outer', signature: '' } as const;
  return {
    method: 'grammar',
    hasErrors: text.includes('?'),
    symbols: [
      { ...of, name: text, line: 1, endLine: 4, complexity: COMPLEXITY },
      { ...of, name: `${text} plain`, line: 5, endLine: 6 },
      { ...of, name: 'f', kind: 'field', line: 7, endLine: 7 },
    ],
    references: new Map(),
    chunks: [],
    imports: [`of ${text}`],
  };
}

const write = (...layers: KitFile[][]): void => writeGeneration(folder, layers, { parse });

test('rows are those of live files, whatever segment they lie in', () => {
  write(
    [
      { path: 'z.py', text: 'old' },
      { path: 'gone.py', text: 'gone' },
      { path: 'b.ts', text: 'bee?', language: 'typescript', flags: FILE_FLAGS.test | FILE_FLAGS.generated },
    ],
    [
      { path: 'a.py', text: 'ay\nay' },
      { path: 'z.py', text: 'new' },
      { path: 'gone.py', text: '' },
    ],
  );
  using rows = new AnalysisRows(folder);
  const pathOf = (file: number): string => rows.files[file]?.path ?? 'none';
  expect(rows.files.map(({ path }) => path)).toEqual(['a.py', 'b.ts', 'z.py']);
  expect(rows.files[1]).toEqual({
    path: 'b.ts',
    language: 'typescript',
    bytes: 4,
    lines: 1,
    symbols: 3,
    generated: true,
    test: true,
    minified: false,
    vendored: false,
  });
  expect([...rows.imports()].map(({ file, target }) => `${pathOf(file)} ${target}`)).toEqual(['b.ts of bee?', 'a.py of ay\nay', 'z.py of new']);
  expect([...rows.parses()].filter(({ hasErrors }) => hasErrors).map(({ file }) => pathOf(file))).toEqual(['b.ts']);
  expect([...rows.kinds()].filter(({ kind }) => kind === 'function').map(({ count }) => count)).toEqual([2, 2, 2]);
  const functions = [...rows.functions()];
  expect(functions.map(({ id }) => rows.nameOf(id))).toContainEqual({ name: 'new', container: 'Outer' });
  expect(functions.filter(({ file }) => pathOf(file) === 'z.py')).toEqual([
    { file: 2, id: expect.any(String) as string, line: 1, endLine: 4, ...COMPLEXITY },
    { file: 2, id: expect.any(String) as string, line: 5, endLine: 6 },
  ]);
  const texts = [...rows.contents((file) => file !== 1)].map(({ file, bytes }) => [pathOf(file), Buffer.from(bytes).toString()]);
  expect(texts).toEqual([
    ['a.py', 'ay\nay'],
    ['z.py', 'new'],
  ]);
});

test('an open generation is read to its end when its folder has gone', async () => {
  write([{ path: 'a.py', text: 'ay' }]);
  using rows = new AnalysisRows(folder);
  await rm(folder, { recursive: true });
  expect([...rows.contents(() => true)]).toHaveLength(1);
  expect([...rows.functions()]).toHaveLength(2);
});

test('what shows a name makes it safe', () => {
  write([{ path: 'a.py', text: 'x\u202ey\nz' }]);
  using rows = new AnalysisRows(folder);
  expect(rows.nameOf([...rows.functions()][0]?.id ?? '').name).toBe('x\ufffdy\ufffdz');
});

test('text alone has no symbols; what is no index is refused', async () => {
  writeGeneration(folder, [[{ path: 'a.py', text: 'ay' }]], { textOnly: true });
  using rows = new AnalysisRows(folder);
  expect([...rows.functions(), ...rows.kinds()]).toEqual([]);
  await writeFile(join(folder, 'manifest.db'), 'nonsense');
  expect(() => new AnalysisRows(folder)).toThrow('not a database');
  expect(() => new AnalysisRows(join(folder, 'none'))).toThrow('unable to open');
});
