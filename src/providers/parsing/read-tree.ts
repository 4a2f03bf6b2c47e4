import type { Node, QueryMatch, Tree } from 'web-tree-sitter';
import type { Language } from '../../domains/code/languages/language.ts';
import type { Definition } from './definition.ts';
import type { LoadedGrammar } from './grammars.ts';
import { readByLines } from './line-reader.ts';
import type { ParseWatch } from './parse-watch.ts';
import type { SourceLines } from './source-lines.ts';
import { TreeReader, type TreeReading } from './tree-reader.ts';

/** Looked through for a better name. */
const MAX_HEAD_LINES = 20;

/** What was read out of a text, completed by its lines where its tree has errors. */
export interface ReadTree extends TreeReading {
  readonly hasErrors: boolean;
}

/** Parses and reads one text. The tree is freed before this returns. */
export function readTree(lines: SourceLines, language: Language, grammar: LoadedGrammar, watch: ParseWatch): ReadTree | 'too_slow' {
  const tree = grammar.parser.parse(lines.text, null, { progressCallback: () => watch.isOver() });
  if (tree === null) {
    grammar.parser.reset();
    return 'too_slow';
  }
  try {
    return read(tree, lines, language, grammar, watch);
  } finally {
    tree.delete();
  }
}

function read(tree: Tree, lines: SourceLines, language: Language, { query }: LoadedGrammar, watch: ParseWatch): ReadTree | 'too_slow' {
  const root = tree.rootNode;
  const matches: readonly QueryMatch[] = query.matches(root, { progressCallback: () => watch.isOver() });
  if (watch.isOver()) return 'too_slow';
  const reading = new TreeReader(lines).read(matches);
  if (!root.hasError) return { ...reading, hasErrors: false };
  return { ...reading, hasErrors: true, definitions: completed(reading.definitions, root, lines, language) };
}

/** Adds what its lines show and the tree does not. */
function completed(known: readonly Definition[], root: Node, lines: SourceLines, language: Language): readonly Definition[] {
  const names = new Set(known.map(({ name, nameLine }) => `${nameLine} ${name}`));
  const found = readByLines(lines, language).definitions.filter(({ name, nameLine }) => !names.has(`${nameLine} ${name}`));
  const more = found.filter(({ start }) => isCode(root, start));
  const functionLines = new Set(more.filter(({ kind }) => kind === 'function').map(({ line }) => line));
  return [...known.filter((definition) => !isMisnamed(definition, functionLines, lines)), ...more];
}

/** An attribute above the real name was taken for the name: the lines show a function further down in the same head. */
function isMisnamed({ kind, nameLine, bodyStart }: Definition, functionLines: ReadonlySet<number>, lines: SourceLines): boolean {
  if (kind !== 'function' || bodyStart === undefined) return false;
  const last = Math.min(lines.lineAt(bodyStart), nameLine + MAX_HEAD_LINES);
  for (let line = nameLine + 1; line <= last; line += 1) if (functionLines.has(line) && lines.start(line) < bodyStart) return true;
  return false;
}

const PROSE = /string|comment|heredoc|template|char_literal/;

function isCode(root: Node, index: number): boolean {
  const node = root.descendantForIndex(index);
  return node === null || !PROSE.test(node.type);
}
