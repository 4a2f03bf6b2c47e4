import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { FOLDER_LANGUAGES, LANGUAGES, languageById } from '../../domains/code/languages/all-languages.ts';
import type { ParsedFile } from '../../domains/code/model.ts';
import { testParser } from './parser-test-kit.ts';
import { createCodeParser } from './tree-sitter-parser.ts';

const IDS = FOLDER_LANGUAGES.map(({ id }) => id);
const SLOWEST = ['python', 'cpp', 'php'];
const MAX_CHUNK = 80;
const shared = await testParser();
afterAll(() => shared[Symbol.dispose]());

/** What holds for every text in every language. */
function expectSound(text: string, file: ParsedFile): void {
  const written = text.split('\n').flatMap((line, index) => (line.trim() === '' ? [] : [index + 1]));
  const covered = file.chunks.flatMap(({ line, endLine }) => Array.from({ length: endLine - line + 1 }, (_, index) => line + index));
  expect(new Set(covered).size, 'no line in two chunks').toBe(covered.length);
  const all = new Set(covered);
  expect(
    written.filter((line) => !all.has(line)),
    'lines in no chunk',
  ).toEqual([]);
  const last = text.split('\n').length;
  for (const { line, endLine, symbol } of file.chunks) {
    expect(endLine - line + 1).toBeLessThanOrEqual(MAX_CHUNK);
    expect(symbol === undefined || symbol < file.symbols.length).toBe(true);
  }
  for (const { line, endLine, name, signature } of file.symbols) {
    expect(line >= 1 && line <= endLine && endLine <= last, `${name} at ${line}-${endLine} of ${last}`).toBe(true);
    expect(signature.length).toBeLessThanOrEqual(300);
    expect(name.isWellFormed() && signature.isWellFormed() && name !== '').toBe(true);
  }
  expect(file.symbols.map(({ line }) => line)).toEqual(file.symbols.map(({ line }) => line).toSorted((a, b) => a - b));
  expect([...file.references.values()].every((count) => count >= 1)).toBe(true);
}

/** A well-known list of strings that break programs, if it is there. */
function publicList(): readonly string[] {
  const file = new URL('../../../../shared/data/naughty-strings.json', import.meta.url);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as readonly string[]) : [];
}

/** Pieces of real syntax, to make texts that are almost right. */
const PIECES = [
  'def f(a):',
  'class A {',
  '}',
  '{',
  '(',
  ')',
  '\n',
  '\r\n',
  '    ',
  '\t',
  '#',
  '//',
  '/*',
  '*/',
  '"',
  "'",
  '`',
  '${',
  'function ',
  'const x = ',
  '=>',
  'struct s',
  'SYSCALL_DEFINE1(a, ',
  'if (',
  'else ',
  'end',
  '<a id="b">',
  '--x: 1;',
  '"k": ',
  '## ',
  '```',
  'fn f<',
  'impl A for B {',
  'namespace a::b',
  '@',
  '#define X',
  '<?php ',
  '$',
  '\u0000',
  '\uFEFF',
  '\uD800',
  '𝒳',
  'ß',
  '\u2028',
  ';',
  ',',
  ':',
  '\\',
] as const;

describe('any text', () => {
  const anyText = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 300 }),
    fc.array(fc.constantFrom(...PIECES), { maxLength: 80 }).map((pieces) => pieces.join('')),
    fc.uint8Array({ maxLength: 400 }).map((bytes) => new TextDecoder().decode(bytes)),
  );

  test.each(IDS)('%s: never throws, chunks hold every written line once, lines are in range', (id) => {
    fc.assert(
      fc.property(anyText, (text) => expectSound(text, shared.parse(text, id))),
      { numRuns: 40 },
    );
  });

  test('naughty texts', () => {
    const parser = shared;
    const naughty = [
      ...publicList(),
      '',
      '\n',
      ' \n\t\n',
      '\uFEFF',
      '\0',
      '\uDC00\uD800',
      '𝕏'.repeat(500),
      '\r\r\r',
      '"'.repeat(999),
      '`'.repeat(999),
      '\\'.repeat(999),
      '<'.repeat(999),
      '#!',
      '\u202Edef f():\n',
    ];
    for (const id of [...IDS, 'text', 'kotlin', 'toml', 'unheard-of']) expectSound(naughty.join('\n'), parser.parse(naughty.join('\n'), id));
    for (const id of ['python', 'tsx', 'cpp', 'markdown']) for (const text of naughty) expectSound(text, parser.parse(text, id));
  });

  test('the line patterns of all languages are linear enough for the longest line they see', async () => {
    const lines = [
      'a '.repeat(499),
      'A_'.repeat(499),
      'a('.repeat(499),
      '<a '.repeat(333),
      'a::'.repeat(333),
      'public '.repeat(142),
      ' '.repeat(999),
      '*'.repeat(999),
    ];
    for (const { id, lines: patterns } of LANGUAGES) {
      const text = lines.flatMap((line) => Array.from({ length: 5 }, () => line)).join('\n');
      const before = process.cpuUsage().user;
      for (const line of text.split('\n')) for (const { pattern } of patterns ?? []) pattern.exec(line);
      expect((process.cpuUsage().user - before) / 1_000, id).toBeLessThan(200);
    }
  });
});

describe('budgets', () => {
  const python = 'def f():\n    return 1\n\n\nclass A:\n    def g(self):\n        pass\n';

  test('a text above maxParseBytes is read by lines and says so', async () => {
    using parser = await testParser({ maxParseBytes: 20 });
    const file = parser.parse(python, 'python');
    expect(file).toMatchObject({ method: 'lines', notParsed: 'too_large' });
    expect(file.symbols.map(({ name, kind, container }) => [name, kind, container])).toEqual([
      ['f', 'function', ''],
      ['A', 'class', ''],
      ['g', 'method', 'A'],
    ]);
    expectSound(python, file);
  });

  test('bytes count, not characters', async () => {
    using parser = await testParser({ maxParseBytes: 20 });
    expect(parser.parse('x = "ßßßßßßßßß"', 'python').notParsed).toBe('too_large');
    expect(parser.parse('x = "sssssssss"', 'python').notParsed).toBeUndefined();
  });

  test('a parse over its time stops, and the next one starts afresh', async () => {
    let [time, step] = [0, 10];
    using parser = await createCodeParser({ budgets: { maxParseBytes: 1_000_000, maxParseMs: 50 }, now: () => (time += step) });
    const long = python.repeat(2_000);
    expect(parser.parse(long, 'python')).toMatchObject({ method: 'lines', notParsed: 'too_slow' });
    step = 0;
    expect(parser.parse(python, 'python')).toMatchObject({ method: 'grammar', hasErrors: false });
    expect(parser.parse(long, 'python').notParsed).toBeUndefined();
  });

  test('a tree whose reading is slow stops too: many open brackets under one error', async () => {
    using parser = await testParser({ maxParseMs: 50 });
    const before = process.cpuUsage().user;
    for (const id of SLOWEST) {
      const text = '( '.repeat(3_900).replace(/(?:\( ){30}/g, '$&\n') + `${'x '.repeat(30)}\n`.repeat(200);
      expectSound(text, parser.parse(text, id));
    }
    expect((process.cpuUsage().user - before) / 1_000).toBeLessThan(SLOWEST.length * 1_000);
  });

  test('nesting of 60,000 is refused before it is parsed, in every language with a grammar', () => {
    const parser = shared;
    for (const id of IDS) {
      const text = '(\n'.repeat(60_000);
      const file = parser.parse(text, id);
      expect(file.notParsed, id).toBe(languageById(id)?.grammar === undefined ? undefined : 'too_deep');
    }
  });

  test('1 MB of minified script is not parsed', async () => {
    using parser = await testParser({ maxParseBytes: 2_000_000 });
    const text = 'function a(b){return b?c(b):d[b]}'.repeat(32_000);
    const before = parser.memoryBytes;
    expect(parser.parse(text, 'javascript')).toMatchObject({ notParsed: 'minified', chunks: [{ line: 1, endLine: 1 }] });
    expect(parser.memoryBytes).toBe(before);
  });

  test('symbols of one file are bounded', () => {
    const parser = shared;
    const keys = Array.from({ length: 3_000 }, (_, index) => `"k${index}": 1`).join(',\n');
    expect(parser.parse(`{${keys}}`, 'json').symbols).toHaveLength(1_000);
  });
});

test('memory stays flat over 300 parses', () => {
  const parser = shared;
  const text = 'class A:\n    def f(self, x):\n        return [g(y) for y in x if y]\n'.repeat(40);
  for (let round = 0; round < 20; round += 1) parser.parse(text, 'python');
  const before = parser.memoryBytes;
  for (let round = 0; round < 300; round += 1) parser.parse(text, 'python');
  expect(parser.memoryBytes).toBe(before);
});

describe('a tree with errors is completed by lines', () => {
  test('macros of C: system calls, tests, attributes, K&R types on their own line', () => {
    const parser = shared;
    const text = [
      'SYSCALL_DEFINE3(read, unsigned int, fd, char __user *, buf, size_t, count)',
      '{',
      '\treturn ksys_read(fd, buf, count);',
      '}',
      '',
      'static __always_inline int __sched do_it(struct task *p, int n)',
      '{',
      '\treturn n;',
      '}',
      '',
      'TEST_BEGIN(test_prof) {',
      '\texpect(1);',
      '}',
      'TEST_END',
      '',
      'static reg_t',
      'internal_function __attribute_warn__',
      're_acquire (int *err, const char *s,',
      '\t    int n)',
      '{',
      '\treturn 0;',
      '}',
    ].join('\n');
    const file = parser.parse(text, 'c');
    expect(file).toMatchObject({ method: 'grammar', hasErrors: true });
    const functions = file.symbols.filter(({ kind }) => kind === 'function');
    expect(functions.map(({ name }) => name)).toEqual(['read', 'do_it', 'test_prof', 're_acquire']);
    expectSound(text, file);
  });

  test('a function that swallowed the next one does not contain it', () => {
    const text = 'int f(int a)\n{\n\tif (a) {\n\treturn 1;\n}\n\nstatic int __init g(void)\n{\n\treturn 2;\n}\n';
    const functions = shared.parse(text, 'c').symbols.filter(({ kind }) => kind === 'function');
    expect(functions.map(({ name, container }) => [name, container])).toEqual([
      ['f', ''],
      ['g', ''],
    ]);
  });

  test('nothing twice, and nothing out of texts and comments', () => {
    const parser = shared;
    const text = 'def f():\n    pass\n\n"""\ndef in_text():\n"""\n\n# def in_comment():\nclass (:\n\ndef g():\n    pass\n';
    const file = parser.parse(text, 'python');
    expect(file.hasErrors).toBe(true);
    expect(file.symbols.map(({ name }) => name)).toEqual(['f', 'g']);
  });
});

test('a language without grammar is read by lines, an unknown one as text', () => {
  const parser = shared;
  const kotlin = 'class Shop(val name: String) {\n    fun sell(n: Int): Int {\n        return n\n    }\n}\n';
  expect(parser.parse(kotlin, 'kotlin')).toMatchObject({
    method: 'lines',
    symbols: [
      { name: 'Shop', kind: 'class', line: 1, endLine: 5 },
      { name: 'sell', kind: 'method', line: 2, endLine: 4, container: 'Shop' },
    ],
  });
  expect(parser.parse('a\n\nb\n', 'text')).toMatchObject({ method: 'none', symbols: [], chunks: [{ line: 1, endLine: 3 }] });
});
