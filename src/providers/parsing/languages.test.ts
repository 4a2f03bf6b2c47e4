import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { FOLDER_LANGUAGES } from '../../domains/code/languages/all-languages.ts';
import { languageOf } from '../../domains/code/languages/language-of.ts';
import { describeFile, testParser } from './parser-test-kit.ts';

const shared = await testParser();
afterAll(() => shared[Symbol.dispose]());

const FOLDER = join(import.meta.dirname, '../../domains/code/languages');

test('every folder is a language, and every language has a folder', () => {
  const folders = readdirSync(FOLDER, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  expect(folders.map(({ name }) => name).sort()).toEqual(FOLDER_LANGUAGES.map(({ id }) => id));
});

describe.each(FOLDER_LANGUAGES)('$name', ({ id, complexity, grammar }) => {
  const folder = join(FOLDER, id);
  const example = readdirSync(folder).find((name) => name.startsWith('example.')) ?? 'example missing';
  const text = readFileSync(join(folder, example), 'utf8');

  test('its example reads as written down in expected.txt (vitest -u writes it anew: look at every line)', async () => {
    const file = shared.parse(text, id);
    expect(file.hasErrors && grammar !== undefined && !['c', 'rust'].includes(id), 'an example without errors').toBe(false);
    expect(file.symbols.length).toBeGreaterThan(2);
    await expect(describeFile(file)).toMatchFileSnapshot(join(folder, 'expected.txt'));
  });

  test('its example is told by its name', () => {
    expect(languageOf(example.replace(/\.txt$/, ''), Buffer.from(text))).toBe(id);
  });

  test('functions have complexity where the folder names decisions', () => {
    const callables = shared.parse(text, id).symbols.filter(({ kind }) => kind === 'function' || kind === 'method');
    const decided = callables.filter((symbol) => (symbol.complexity?.cyclomatic ?? 0) > 1);
    expect(decided.length > 0).toBe(complexity !== undefined);
  });
});
