/** A directed graph in compressed rows: the targets of node n are `targets[starts[n]] … targets[starts[n + 1] - 1]`. */
export interface Graph {
  readonly nodes: number;
  readonly starts: Uint32Array;
  readonly targets: Uint32Array;
}

/** Packs edges; the same edge twice is one. Nodes count from 0. */
export function packGraph(nodes: number, from: ArrayLike<number>, to: ArrayLike<number>): Graph {
  const keys = new Float64Array(from.length);
  for (let at = 0; at < from.length; at += 1) keys[at] = (from[at] ?? 0) * nodes + (to[at] ?? 0);
  keys.sort();
  const unique = keys.filter((key, at) => at === 0 || key !== keys[at - 1]);
  const starts = new Uint32Array(nodes + 1);
  const targets = new Uint32Array(unique.length);
  for (const [at, key] of unique.entries()) {
    const source = Math.floor(key / nodes);
    targets[at] = key - source * nodes;
    starts[source + 1] = (starts[source + 1] ?? 0) + 1;
  }
  for (let node = 0; node < nodes; node += 1) starts[node + 1] = (starts[node + 1] ?? 0) + (starts[node] ?? 0);
  return { nodes, starts, targets };
}

/**
 * The strongly connected components of more than one node, each in rising order, largest first: every node of one can be reached from
 * every other. Tarjan 1972 with a stack of its own, so that depth costs no call stack. O(nodes + edges).
 */
export function cyclesOf({ nodes, starts, targets }: Graph): readonly (readonly number[])[] {
  const order = new Uint32Array(nodes);
  const low = new Uint32Array(nodes);
  const onStack = new Uint8Array(nodes);
  const position = new Uint32Array(nodes);
  const stack: number[] = [];
  const path: number[] = [];
  const found: number[][] = [];
  let count = 0;

  const enter = (node: number): void => {
    count += 1;
    order[node] = count;
    low[node] = count;
    position[node] = starts[node] ?? 0;
    onStack[node] = 1;
    stack.push(node);
    path.push(node);
  };
  const leave = (node: number): void => {
    path.pop();
    const parent = path.at(-1);
    if (parent !== undefined) low[parent] = Math.min(low[parent] ?? 0, low[node] ?? 0);
    if (low[node] !== order[node]) return;
    const members = stack.splice(stack.lastIndexOf(node));
    for (const member of members) onStack[member] = 0;
    if (members.length > 1) found.push(members.sort((a, b) => a - b));
  };

  for (let root = 0; root < nodes; root += 1) {
    if (order[root] !== 0) continue;
    enter(root);
    for (let node = path.at(-1); node !== undefined; node = path.at(-1)) {
      const at = position[node] ?? 0;
      if (at >= (starts[node + 1] ?? 0)) {
        leave(node);
        continue;
      }
      position[node] = at + 1;
      const target = targets[at] ?? 0;
      if (order[target] === 0) enter(target);
      else if (onStack[target] === 1) low[node] = Math.min(low[node] ?? 0, order[target] ?? 0);
    }
  }
  return found.sort((a, b) => b.length - a.length || (a[0] ?? 0) - (b[0] ?? 0));
}
