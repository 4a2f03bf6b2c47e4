import type { EdgeBlock, EdgeDirection } from '../store.ts';

/** One file or package needs another. Names come from the repository. */
export interface Edge {
  readonly from: string;
  readonly to: string;
}

/** Which edges are asked for. */
export interface EdgeQuery {
  /** A file, or a folder with all that is in it; undefined: all. */
  readonly path?: string | undefined;
  /** `out`: what the path needs; `in`: what needs it; without a path, in which order all come. */
  readonly direction: EdgeDirection | 'both';
  readonly limit: number;
}

/** Where to go on: in which scan, at which block of it and which edge of that; without a block the scan's beginning. */
export interface EdgePosition {
  readonly scan: number;
  readonly block?: number | undefined;
  readonly edge: number;
}

/** Of all scans. */
export const BEGINNING: EdgePosition = { scan: 0, edge: 0 };

/** As {@link RepositoryStore.edgeBlock} of one analysis. */
export type ReadEdgeBlock = (direction: EdgeDirection, from: number | string) => Promise<EdgeBlock | undefined>;

/** Blocks read for one page: of many that hold nothing of what is asked for the page is short, or empty, and has a next one. */
const MAX_BLOCKS = 8;

/** The names that begin a run of edges: one, or all with a prefix. */
interface Scan {
  readonly direction: EdgeDirection;
  readonly name: string;
  readonly isPrefix: boolean;
}

/** An edge and where it stands, or the place of a block that is about to be read. */
interface Step {
  readonly position: EdgePosition;
  readonly edge?: Edge;
}

/** A page of edges, out of few blocks. Of what is in a folder and asked for both ways no edge comes twice. */
export async function readEdges(
  read: ReadEdgeBlock,
  query: EdgeQuery,
  start: EdgePosition,
): Promise<{ readonly edges: Edge[]; readonly next?: EdgePosition }> {
  const edges: Edge[] = [];
  let blocks = 0;
  for await (const { position, edge } of stepsFrom(read, query, start)) {
    if (edge === undefined) blocks += 1;
    if (edge === undefined ? blocks > MAX_BLOCKS : edges.length === query.limit) return { edges, next: position };
    if (edge !== undefined) edges.push(edge);
  }
  return { edges };
}

async function* stepsFrom(read: ReadEdgeBlock, query: EdgeQuery, start: EdgePosition): AsyncGenerator<Step> {
  for (const [index, scan] of scansOf(query).entries()) {
    if (index < start.scan) continue;
    const { block, edge } = index === start.scan ? start : { block: undefined, edge: 0 };
    for await (const step of scanSteps(read, scan, { scan: index, block, edge })) {
      const isDouble = query.direction === 'both' && scan.direction === 'in' && step.edge !== undefined && isWithin(step.edge.from, query.path);
      if (!isDouble) yield step;
    }
  }
}

async function* scanSteps(read: ReadEdgeBlock, scan: Scan, start: EdgePosition): AsyncGenerator<Step> {
  let position = start;
  for (;;) {
    yield { position };
    const block = await read(scan.direction, position.block ?? scan.name);
    if (block === undefined) return;
    const edges = edgesOf(block);
    for (let at = position.edge; at < edges.length; at += 1) {
      const [name, other] = edges[at] ?? ['', ''];
      if (name < scan.name) continue;
      if (!(scan.isPrefix ? name.startsWith(scan.name) : name === scan.name)) return;
      const edge = scan.direction === 'out' ? { from: name, to: other } : { from: other, to: name };
      yield { position: { ...start, block: block.number, edge: at }, edge };
    }
    position = { ...start, block: block.number + 1, edge: 0 };
  }
}

function scansOf({ path, direction }: EdgeQuery): readonly Scan[] {
  const both: readonly EdgeDirection[] = path === undefined ? ['out'] : ['out', 'in'];
  const names =
    path === undefined
      ? [{ name: '', isPrefix: true }]
      : [
          { name: path, isPrefix: false },
          { name: `${path}/`, isPrefix: true },
        ];
  return (direction === 'both' ? both : [direction]).flatMap((each) => names.map((name) => ({ direction: each, ...name })));
}

function isWithin(name: string, path: string | undefined): boolean {
  return path === undefined || name === path || name.startsWith(`${path}/`);
}

function edgesOf({ rows }: EdgeBlock): readonly (readonly [string, string])[] {
  return rows.flatMap(([name = '', ...others]) => others.map((other) => [name, other] as const));
}
