import { type EdgeCursor, writeEdgeCursor } from './edge-cursor.ts';
import { type ReadEdgeBlock, readEdges } from './edge-scan.ts';
import type { GetAnalysisInput } from './inputs.ts';
import type { EdgePage } from './outputs.ts';
import type { AnalysisParts } from './result.ts';

/** Naming a path or a page means the edges. */
export function wantsEdges({ edges, path, cursor }: GetAnalysisInput): boolean {
  return edges || path !== undefined || cursor !== undefined;
}

/** The page of a graph's edges that the input asks for, from there on. */
export async function edgePage(
  read: ReadEdgeBlock,
  dependencies: AnalysisParts['dependencies'],
  input: GetAnalysisInput,
  { analysis, position }: EdgeCursor,
): Promise<EdgePage> {
  if (dependencies === undefined) return without('The phase "dependencies" of this analysis has not ended.');
  const { edges: found, edgesKept: kept } = dependencies;
  if (kept === undefined) return without('This analysis kept no edges; call batch_analyze for a new one.');
  const { direction, limit } = input;
  const { edges, next } = await readEdges(read, { path: plainPath(input.path), direction, limit }, position);
  return { edges, found, kept, ...(next !== undefined && { nextCursor: writeEdgeCursor(input, { analysis, position: next }) }) };
}

function without(unavailable: string): EdgePage {
  return { edges: [], unavailable };
}

/** As paths of a repository are written. */
function plainPath(path: string | undefined): string | undefined {
  return path?.replace(/^\.\//, '').replace(/\/+$/, '');
}
