import fc from 'fast-check';
import { expect, test } from 'vitest';
import { analyse } from './analyse.ts';
import { generationOf, type KitFile } from './analysis-test-kit.ts';
import { renderAnalysis } from './markdown.ts';
import { markdownText } from './markdown-text.ts';
import type { AnalysisHead } from './outputs.ts';
import { type AnalysisParts, analysisParts } from './result.ts';

const HEAD: AnalysisHead = { id: 'job_1', state: 'complete', generation: 1, treeId: 'tree', startedAt: '2026-01-01T00:00:00.000Z' };
const COPY = Array.from({ length: 90 }, (_, n) => `word${n}`).join(' ');

/** A repository whose every name is the given one. */
function analysed(name: string): Promise<AnalysisParts> {
  const file = (folder: string): KitFile => ({
    path: `${folder}/${name}`,
    text: COPY,
    imports: [name, `./${name}`],
    functions: [[name, 1, 9, 12, 20]],
  });
  const changes = [{ path: `a/${name}`, commits: 3, authors: 1, lastAt: 0 }];
  const earlier = { id: 'job_0', generation: 1, treeId: name, finishedAt: 0, parts: {} };
  const request = {
    generation: generationOf([file('a'), file('b')]),
    history: { changes },
    earlier,
    budgets: { phaseMs: Infinity, fingerprintBytes: 1 },
  };
  return analyse(request, { spentMs: () => 0, breathe: async () => {}, progress: () => {}, edges: () => {}, ended: () => {} });
}

/** Line by line: where tables, titles and breaks stand. */
const shapeOf = (page: string): string[] => page.split('\n').map((line) => line.replace(/&#\d+;/g, '').replace(/[^|#<>\n]/g, ''));
const withoutOurs = (page: string): string => page.replaceAll('<br>', '');

test('a page of hostile names has the shape of a page of harmless ones, and no sign of theirs', async () => {
  const signs = fc.constantFrom(
    '|',
    '<',
    '>',
    '`',
    '[',
    ']',
    '(',
    ')',
    '*',
    '_',
    '#',
    '\n',
    '\r',
    '\t',
    '\\',
    '&',
    '!',
    '~',
    ':',
    '@',
    'www.',
    'http://',
    '\u202e',
    '\0',
    '{',
    '$',
    'a',
  );
  const harmless = shapeOf(renderAnalysis('x', HEAD, await analysed('x')));
  await fc.assert(
    fc.asyncProperty(fc.array(signs, { minLength: 1, maxLength: 20 }), async (parts) => {
      const name = `${parts.join('')}x`;
      const page = renderAnalysis(name, HEAD, await analysed(name));
      expect(shapeOf(page)).toEqual(harmless);
      expect(withoutOurs(page)).not.toMatch(/[<>`[\]*_~@\\{}\r\0\u202e]|https?:|www\./);
    }),
    { numRuns: 200 },
  );
});

test('escaped text shows what it was', () => {
  const shown = (html: string): string => html.replace(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)));
  fc.assert(
    fc.property(fc.string({ maxLength: 200 }), (text) => {
      const plain = text.replace(/[\u0000-\u001f\u007f]/g, '\ufffd');
      expect(shown(markdownText(text))).toBe(plain);
    }),
  );
  expect(markdownText('x'.repeat(10_000)).length).toBeLessThan(400);
});

test('every phase is as its schema says, and its part of the page is there', async () => {
  const parts = await analysed('x');
  expect(analysisParts.strict().parse(parts)).toEqual(parts);
  const page = renderAnalysis('x', HEAD, parts);
  for (const title of [
    'Coverage',
    'Languages',
    'Symbols',
    'Complexity',
    'Largest',
    'Dependencies',
    'Changes',
    'Duplicates',
    'Since the analysis before',
  ])
    expect(page).toContain(`## ${title}\n`);
  expect(page).toContain('| a/x | 3 | 12 |');
});
