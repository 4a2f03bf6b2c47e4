/**
 * `node bench/eval-symbols.ts FOLDER LANGUAGE [--misses N]`: how many of the functions, classes and methods that universal-ctags finds
 * the parser finds too, by kind, and the first N it does not. A hit has the same name and begins at
 * ctags' line or at most ten above.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, realpathSync } from 'node:fs';
import { join, relative } from 'node:path';
import { LANGUAGES, languageById } from '../src/domains/code/languages/all-languages.ts';
import type { CodeSymbol } from '../src/domains/code/model.ts';
import { createCodeParser } from '../src/providers/parsing/tree-sitter-parser.ts';

const CTAGS_NAMES: Readonly<Record<string, string>> = {
  bash: 'Sh',
  cpp: 'C++',
  csharp: 'C#',
  tsx: 'TypeScript',
};
/** Kinds of ctags that count; all others (members, variables, parameters) are not asked for. */
const COUNTED = new Set([
  'function',
  'method',
  'class',
  'interface',
  'struct',
  'enum',
  'union',
  'generator',
  'singletonMethod',
  'trait',
  'module',
  'func',
]);
/** What Python's methods are called; elsewhere it is a field. */
const PYTHON_METHOD = 'member';
/** What ctags calls a variable's or a member's name that holds a function is told by neither; one made by ctags has this form. */
const MADE_UP = /^(?:__anon|anonymousFunction|AnonymousFunction)[0-9a-f]*/;

/** ctags tells the name's line, the parser where the definition begins: its type or annotations may stand above. */
const NEAR_LINES = 10;

interface Tag {
  readonly name: string;
  readonly path: string;
  readonly line: number;
  readonly kind: string;
}

function ctags(folder: string, language: string): readonly Tag[] {
  const name = CTAGS_NAMES[language] ?? languageById(language)?.name ?? language;
  const extensions = languageById(language)?.extensions.map((extension) => `.${extension}`) ?? [];
  const run = spawnSync(
    'ctags',
    ['--quiet', '-R', `--languages=${name}`, `--langmap=${name}:${extensions.join('')}`, '--output-format=json', '--fields=+nK', '-f', '-', folder],
    { encoding: 'utf8', maxBuffer: 1 << 30 },
  );
  if (run.status !== 0) throw new Error(`ctags failed: ${run.error?.message ?? run.stderr}`);
  const tags = run.stdout.split('\n').filter(Boolean);
  return tags
    .map((line) => JSON.parse(line) as Tag)
    .filter(({ name: tag, kind }) => (COUNTED.has(kind) || (language === 'python' && kind === PYTHON_METHOD)) && !MADE_UP.test(tag));
}

/** `TEST(name) {`: ctags calls the function by the macro, the parser by what the macro names. Neither counted as found nor as missed. */
function isMacro({ name, line }: Tag, symbols: readonly CodeSymbol[]): boolean {
  if (!/^[A-Z][A-Z\d_]+$/.test(name)) return false;
  return symbols.some((symbol) => symbol.line === line && symbol.name !== name && symbol.signature.includes(`${name}(`));
}

function key({ name }: Pick<CodeSymbol, 'name'>): string {
  return name.replace(/\s+/g, '');
}

const [folderArgument = '', language = ''] = process.argv.slice(2);
const misses = process.argv.includes('--misses') ? Number(process.argv[process.argv.indexOf('--misses') + 1]) : 20;
if (languageById(language) === undefined) {
  console.error(`usage: node bench/eval-symbols.ts FOLDER LANGUAGE [--misses N]; languages: ${LANGUAGES.map(({ id }) => id).join(' ')}`);
  process.exit(2);
}
const folder = realpathSync(folderArgument);
const byFile = Map.groupBy(ctags(folder, language), ({ path }) => path);
using parser = await createCodeParser({ budgets: { maxParseBytes: 1_000_000, maxParseMs: 2_000 }, now: () => performance.now() });
const kinds = new Map<string, { found: number; all: number }>();
const missed: string[] = [];
const notParsed = new Map<string, number>();
let [files, withErrors, namedByMacro] = [0, 0, 0];
for (const [path, tags] of byFile) {
  const read = parser.parse(readFileSync(path, 'utf8'), language);
  files += 1;
  if (read.hasErrors) withErrors += 1;
  if (read.notParsed !== undefined) {
    notParsed.set(read.notParsed, (notParsed.get(read.notParsed) ?? 0) + 1);
    continue;
  }
  const symbols = Map.groupBy(read.symbols, key);
  for (const tag of tags) {
    if (isMacro(tag, read.symbols)) {
      namedByMacro += 1;
      continue;
    }
    const count = kinds.get(tag.kind) ?? { found: 0, all: 0 };
    kinds.set(tag.kind, count);
    count.all += 1;
    if (symbols.get(key(tag))?.some(({ line, endLine }) => line <= tag.line && tag.line <= Math.min(endLine, line + NEAR_LINES))) count.found += 1;
    else missed.push(`${relative(folder, path)}:${tag.line} ${tag.kind} ${tag.name}`);
  }
}
const total = { found: 0, all: 0 };
for (const [kind, { found, all }] of kinds) {
  console.log(`${kind.padEnd(16)} ${String(found).padStart(7)} of ${String(all).padStart(7)}  ${((100 * found) / all).toFixed(2)} %`);
  total.found += found;
  total.all += all;
}
console.log(
  `${'all'.padEnd(16)} ${String(total.found).padStart(7)} of ${String(total.all).padStart(7)}  ${((100 * total.found) / total.all).toFixed(2)} %`,
);
console.log(
  `${files} files, ${withErrors} with errors in the tree, ${namedByMacro} named by a macro in ctags, not parsed: ${JSON.stringify(Object.fromEntries(notParsed))}`,
);
for (const line of missed.slice(0, misses)) console.log(join('miss', line).replace(/^miss./, 'miss '));
