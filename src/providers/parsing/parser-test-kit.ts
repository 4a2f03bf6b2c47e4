import type { ParsedFile } from '../../domains/code/model.ts';
import type { CodeParser } from '../../domains/code/ports.ts';
import { createCodeParser } from './tree-sitter-parser.ts';

/** Wide budgets: a test that is about one of them names it. */
export async function testParser(budgets: { readonly maxParseBytes?: number; readonly maxParseMs?: number } = {}): Promise<CodeParser> {
  return createCodeParser({ budgets: { maxParseBytes: 1_000_000, maxParseMs: 10_000, ...budgets }, now: () => performance.now() });
}

/** A file's reading as a page that people can check: one line a symbol, then references, imports and chunks. */
export function describeFile(file: ParsedFile): string {
  const symbols = file.symbols.map(({ line, endLine, kind, container, name, signature, complexity }) => {
    const path = container === '' ? name : `${container} › ${name}`;
    const figures =
      complexity &&
      ` [${Object.entries(complexity)
        .map(([what, figure]) => `${what} ${figure}`)
        .join(', ')}]`;
    return `${line}-${endLine} ${kind} ${path}: ${signature}${figures ?? ''}`;
  });
  const references = [...file.references].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, count]) => (count === 1 ? name : `${name} ×${count}`));
  const chunks = file.chunks.map(({ line, endLine, symbol }) =>
    `${line}-${endLine} ${symbol === undefined ? '' : (file.symbols[symbol]?.name ?? '?')}`.trim(),
  );
  const parts = [
    ['symbols', symbols.join('\n')],
    ['references', references.join(', ')],
    ['imports', file.imports.join('\n')],
    ['chunks', chunks.join('\n')],
  ];
  const head = `read by ${file.method}${file.hasErrors ? ', with errors' : ''}`;
  return `${head}\n${parts.map(([title, text]) => `\n# ${title}\n${text}\n`).join('')}`;
}
