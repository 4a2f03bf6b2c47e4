import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseSync } from 'oxc-parser';
import { describe, expect, it } from 'vitest';
import { REQUIREMENTS } from './requirements.ts';

const ROOT = join(import.meta.dirname, '../..');
const CITATION = /\[([A-Za-z0-9]+(?:-[A-Za-z0-9]+)+)\]/g;
const TITLED: ReadonlySet<string> = new Set(['it', 'test']);

interface Node {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** Titles of all tests in the files under `folder`, read from their syntax. */
function titlesUnder(folder: string): readonly string[] {
  const files = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.test.ts'));
  return files.flatMap((name) => titlesIn(parseSync(name, readFileSync(join(ROOT, folder, name), 'utf8')).program));
}

function titlesIn(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(titlesIn);
  if (typeof value !== 'object' || value === null) return [];
  const node = value as Node;
  const own = node.type === 'CallExpression' && TITLED.has(rootName(node['callee'] as Node)) ? [textOf((node['arguments'] as Node[])[0])] : [];
  return [...own, ...Object.values(node).flatMap(titlesIn)];
}

/** `it` of `it('…')`, `it.skip('…')` and `it.skipIf(x)('…')`; nothing for tests that never run. */
function rootName(callee: Node): string {
  if (callee.type === 'Identifier') return String(callee['name']);
  if (callee.type === 'CallExpression') return rootName(callee['callee'] as Node);
  if (callee.type !== 'MemberExpression') return '';
  const { name } = callee['property'] as Node;
  return name === 'skip' || name === 'todo' ? '' : rootName(callee['object'] as Node);
}

/** The fixed parts of a title. */
function textOf(title: Node | undefined): string {
  if (title?.type === 'Literal') return String(title['value']);
  if (title?.type !== 'TemplateLiteral') return '';
  return (title['quasis'] as { value: { cooked: string } }[]).map(({ value }) => value.cooked).join('');
}

describe('required behaviours', () => {
  const ids = REQUIREMENTS.map(({ id }) => id);
  const cited = new Set(['test/e2e', 'test/long'].flatMap(titlesUnder).flatMap((title) => [...title.matchAll(CITATION)].map(([, id = '']) => id)));

  it('have one row each, with text and source', () => {
    expect(new Set(ids).size).toBe(ids.length);
    expect(REQUIREMENTS.filter(({ text, source }) => text === '' || source === '')).toEqual([]);
    for (const promise of ['P1', 'P2', 'P3', 'P4', 'P5'])
      expect(
        ids.some((id) => id.startsWith(`${promise}-`)),
        promise,
      ).toBe(true);
  });

  it('are each cited by the title of a test that runs', () => {
    expect(ids.filter((id) => !cited.has(id))).toEqual([]);
  });

  it('are the only ones that tests cite', () => {
    expect([...cited].filter((id) => !ids.includes(id))).toEqual([]);
  });
});
