import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { FOLDER_LANGUAGES } from '../../domains/code/languages/all-languages.ts';
import { GRAMMAR_CHECKSUMS } from '../../domains/code/languages/grammar-checksums.ts';
import { grammarKey, grammarPath, readGrammar } from './grammars.ts';

const grammars = FOLDER_LANGUAGES.flatMap(({ grammar }) => (grammar === undefined ? [] : [grammar]));

test('the written digests are those of the installed files (else: node scripts/generate-grammar-checksums.ts)', () => {
  const installed = grammars.map((grammar) => [
    grammarKey(grammar),
    createHash('sha256')
      .update(readFileSync(grammarPath(grammar)))
      .digest('hex'),
  ]);
  expect(Object.fromEntries(installed)).toEqual(GRAMMAR_CHECKSUMS);
});

test('a changed grammar is refused, and the message says what to do', () => {
  const [grammar = { package: '', file: '' }] = grammars;
  const changed = (path: string): Uint8Array => {
    const bytes = readFileSync(path);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    return bytes;
  };
  expect(() => readGrammar(grammar, changed)).toThrow(/tree-sitter-bash\.wasm is not the one .*Run "npm ci"/);
  expect(readGrammar(grammar).byteLength).toBeGreaterThan(100_000);
});

test('a grammar that is not there is told as such', () => {
  expect(() => readGrammar({ package: 'tree-sitter-unheard-of', file: 'x.wasm' })).toThrow(/cannot be read/);
});
