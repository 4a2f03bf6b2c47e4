import type { EdgeBlock, EdgeDirection } from '../store.ts';
import { type Graph, packGraph } from './cycles.ts';

/** Edges of a graph that are kept, and characters of the names they stand between: what is beyond is counted only. */
const MAX_EDGES = 100_000;
const MAX_CHARACTERS = 10_000_000;
/** Of one block, which is read whole. */
const BLOCK_EDGES = 500;
const BLOCK_CHARACTERS = 64 * 1024;

/** What is kept of a graph. */
export interface KeptEdges {
  readonly kept: number;
  /** Made as they are asked for. */
  readonly blocks: Iterable<EdgeBlock>;
}

/** Edges between node numbers that are places in a list of names. */
interface NumberedEdges {
  readonly from: readonly number[];
  readonly to: readonly number[];
}

/**
 * The edges of a graph as blocks in both directions, in order of names (UTF-16 code units); of too many the first. Names are distinct,
 * a node is its name's place.
 */
export function keepEdges(graph: Graph, names: readonly string[]): KeptEdges {
  const order = [...names.keys()].sort((a, b) => ((names[a] ?? '') < (names[b] ?? '') ? -1 : 1));
  const sorted = order.map((node) => names[node] ?? '');
  const whole = inOrder(graph, order);
  const { from, to } = firstOf(whole, sorted);
  return { kept: from.length, blocks: bothWays({ from, to }, sorted) };
}

/** The same graph with each node's place in `order` as its number. */
function inOrder(graph: Graph, order: readonly number[]): Graph {
  const places = new Uint32Array(graph.nodes);
  for (const [place, node] of order.entries()) places[node] = place;
  const from: number[] = [];
  const to: number[] = [];
  for (const [node, target] of edgesOf(graph)) {
    from.push(places[node] ?? 0);
    to.push(places[target] ?? 0);
  }
  return packGraph(graph.nodes, from, to);
}

function firstOf(graph: Graph, names: readonly string[]): NumberedEdges {
  const [from, to]: [number[], number[]] = [[], []];
  let room = MAX_CHARACTERS;
  for (const [node, target] of edgesOf(graph)) {
    room -= lengthOf(names, node) + lengthOf(names, target);
    if (room < 0 || from.length === MAX_EDGES) break;
    from.push(node);
    to.push(target);
  }
  return { from, to };
}

function* bothWays({ from, to }: NumberedEdges, names: readonly string[]): Generator<EdgeBlock> {
  yield* blocksOf('out', packGraph(names.length, from, to), names);
  yield* blocksOf('in', packGraph(names.length, to, from), names);
}

function* blocksOf(direction: EdgeDirection, graph: Graph, names: readonly string[]): Generator<EdgeBlock> {
  let number = 0;
  let draft = new Draft();
  for (const [node, other] of edgesOf(graph)) {
    if (draft.isFull) {
      yield { direction, number, ...draft.content() };
      number += 1;
      draft = new Draft();
    }
    draft.add(names[node] ?? '', names[other] ?? '');
  }
  if (!draft.isEmpty) yield { direction, number, ...draft.content() };
}

/** One block as it fills. */
class Draft {
  readonly #rows: string[][] = [];
  #last = '';
  #edges = 0;
  #characters = 0;

  get isEmpty(): boolean {
    return this.#edges === 0;
  }

  get isFull(): boolean {
    return this.#edges === BLOCK_EDGES || this.#characters >= BLOCK_CHARACTERS;
  }

  add(name: string, other: string): void {
    if (this.isEmpty || name !== this.#last) this.#rows.push([name]);
    this.#rows.at(-1)?.push(other);
    this.#last = name;
    this.#edges += 1;
    this.#characters += name.length + other.length;
  }

  content(): Pick<EdgeBlock, 'last' | 'rows'> {
    return { last: this.#last, rows: this.#rows };
  }
}

function* edgesOf({ nodes, starts, targets }: Graph): Generator<readonly [number, number]> {
  for (let node = 0; node < nodes; node += 1) for (let at = starts[node] ?? 0; at < (starts[node + 1] ?? 0); at += 1) yield [node, targets[at] ?? 0];
}

function lengthOf(names: readonly string[], node: number): number {
  return names[node]?.length ?? 0;
}
