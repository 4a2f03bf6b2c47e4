/** `node scripts/generate-grammar-checksums.ts`: writes down the digests of the installed grammars. A test compares them. */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { LANGUAGES } from '../src/domains/code/languages/all-languages.ts';

const TARGET = join(import.meta.dirname, '../src/domains/code/languages/grammar-checksums.ts');
const { resolve } = createRequire(import.meta.url);

const keys = new Set(LANGUAGES.flatMap(({ grammar }) => (grammar === undefined ? [] : [`${grammar.package}/${grammar.file}`])));
const rows = [...keys].sort().map((key) => {
  const digest = createHash('sha256')
    .update(readFileSync(resolve(key)))
    .digest('hex');
  return `  '${key}': '${digest}',`;
});
writeFileSync(
  TARGET,
  `/** SHA-256 of each grammar's file. Written by \`node scripts/generate-grammar-checksums.ts\`. */
export const GRAMMAR_CHECKSUMS: Readonly<Record<string, string>> = {
${rows.join('\n')}
};
`,
);
