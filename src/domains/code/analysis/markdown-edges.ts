import { markdownText as text, table } from './markdown-text.ts';
import type { EdgePage } from './outputs.ts';

/** A page of edges as a section of an analysis's page. */
export function renderEdges({ edges, found, kept, nextCursor, unavailable }: EdgePage): string {
  const lines = [
    '## Edges',
    '',
    ...(unavailable === undefined ? [] : [text(unavailable), '']),
    ...(kept !== undefined && found !== undefined && kept < found ? [`Kept are the first ${kept} of ${found}.`, ''] : []),
    ...table(
      ['From', 'Needs'],
      edges.map(({ from, to }) => [text(from), text(to)]),
    ),
    ...(nextCursor === undefined ? [] : [`More with the cursor ${nextCursor}`]),
  ];
  return `${lines.join('\n').trimEnd()}\n`;
}
