import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { EdgeBlock } from '../store.ts';
import { type Graph, packGraph } from './cycles.ts';
import { BEGINNING, type Edge, type EdgePosition, type EdgeQuery, type ReadEdgeBlock, readEdges } from './edge-scan.ts';
import { keepEdges } from './edges.ts';

type Pair = readonly [from: number, to: number];

const graphOf = (nodes: number, pairs: readonly Pair[]): Graph =>
  packGraph(
    nodes,
    pairs.map(([from]) => from),
    pairs.map(([, to]) => to),
  );

/** As the store finds blocks. */
function reader(blocks: readonly EdgeBlock[]): ReadEdgeBlock & { count: number } {
  const read = Object.assign(
    async (direction: EdgeBlock['direction'], from: number | string) => {
      read.count += 1;
      const own = blocks.filter((block) => block.direction === direction);
      return own.find(({ number, last }) => (typeof from === 'number' ? number === from : last >= from));
    },
    { count: 0 },
  );
  return read;
}

/** All pages, one after the other. */
async function pagesOf(read: ReadEdgeBlock, query: EdgeQuery): Promise<readonly Edge[][]> {
  const pages: Edge[][] = [];
  let next: EdgePosition | undefined = BEGINNING;
  while (next !== undefined) {
    const page: Awaited<ReturnType<typeof readEdges>> = await readEdges(read, query, next);
    pages.push(page.edges);
    next = page.next;
  }
  return pages;
}

const names = fc.uniqueArray(
  fc.array(fc.constantFrom('a', 'b', '-', '/', '\u{1f40b}', '\uff5e'), { minLength: 1, maxLength: 6 }).map((parts) => parts.join('')),
  { minLength: 1, maxLength: 12 },
);
const cases = names.chain((list) =>
  fc.record({
    list: fc.constant(list),
    pairs: fc.array(fc.tuple(fc.nat(list.length - 1), fc.nat(list.length - 1)), { maxLength: 60 }),
    path: fc.option(fc.oneof(fc.constantFrom(...list), fc.constantFrom('a', 'b', 'a/b')), { nil: undefined }),
    direction: fc.constantFrom('both', 'out', 'in'),
    limit: fc.integer({ min: 1, max: 9 }),
  }),
);

test('pages give each edge of a path once, whichever way it goes', async () => {
  await fc.assert(
    fc.asyncProperty(cases, async ({ list, pairs, path, direction, limit }) => {
      const edges = [...new Set(pairs.map(([from, to]) => `${list[from]} > ${list[to]}`))];
      const within = (name = ''): boolean => path === undefined || name === path || name.startsWith(`${path}/`);
      const expected = edges.filter((edge) => {
        const [from, to] = edge.split(' > ');
        return (direction !== 'in' && within(from)) || (direction !== 'out' && within(to));
      });
      const { kept, blocks } = keepEdges(graphOf(list.length, pairs), list);
      const pages = await pagesOf(reader([...blocks]), { path, direction, limit });
      expect(kept).toBe(edges.length);
      expect(
        pages
          .flat()
          .map(({ from, to }) => `${from} > ${to}`)
          .toSorted(),
      ).toEqual(expected.toSorted());
      expect(pages.every((page, at) => page.length === limit || at === pages.length - 1)).toBe(true);
    }),
    { numRuns: 500 },
  );
});

/** Every one of so many files of a folder needs every other one. */
function crowd(folder: string, files: number): { readonly list: readonly string[]; readonly pairs: readonly Pair[] } {
  const list = Array.from({ length: files }, (_, n) => `${folder}/file_${String(n).padStart(4, '0')}.py`);
  return { list, pairs: list.flatMap((_, from) => list.flatMap((_other, to) => (from === to ? [] : [[from, to] as const]))) };
}

test('of too many edges the first are kept, the same both ways, in blocks of bounded size', () => {
  const { list, pairs } = crowd('src', 330);
  const { kept, blocks } = keepEdges(graphOf(list.length, pairs), list);
  const all = [...blocks];
  const [out, into] = [all.filter(({ direction }) => direction === 'out'), all.filter(({ direction }) => direction === 'in')];
  expect(pairs.length).toBeGreaterThan(100_000);
  expect(kept).toBe(100_000);
  const edgesIn = ({ rows }: EdgeBlock): number => rows.reduce((sum, { length }) => sum + length - 1, 0);
  expect(out.reduce((sum, block) => sum + edgesIn(block), 0)).toBe(kept);
  expect(into.reduce((sum, block) => sum + edgesIn(block), 0)).toBe(kept);
  expect(Math.max(...out.map(edgesIn))).toBeLessThanOrEqual(500);
  expect(out.at(-1)?.last).toBe(list[Math.floor(100_000 / 329)]);
});

test('long names take a block’s room, and all of it', () => {
  const { list, pairs } = crowd('x'.repeat(4000), 60);
  const { kept, blocks } = keepEdges(graphOf(list.length, pairs), list);
  expect(kept).toBeLessThan(pairs.length);
  expect(kept).toBeGreaterThan(1000);
  for (const { rows } of blocks) expect(rows.flat().join('').length).toBeLessThan(80_000);
});

test('a page reads few blocks, also where nothing in them is asked for', async () => {
  const { list, pairs } = crowd('src', 150);
  const read = reader([...keepEdges(graphOf(list.length, pairs), list).blocks]);
  const pages = await pagesOf(read, { path: 'src', direction: 'both', limit: 5000 });
  expect(pages.flat()).toHaveLength(pairs.length);
  expect(pages.some((page) => page.length === 0)).toBe(true);
  read.count = 0;
  await readEdges(read, { path: 'src', direction: 'both', limit: 5000 }, { scan: 3, edge: 0 });
  expect(read.count).toBeLessThanOrEqual(8);
});
