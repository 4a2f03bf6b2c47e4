import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cyclesOf, packGraph } from './cycles.ts';

/** Two nodes are in one cycle when each reaches the other. */
function bruteForce(nodes: number, edges: readonly (readonly [number, number])[]): number[][] {
  const reach = Array.from({ length: nodes }, (_, from) =>
    Array.from({ length: nodes }, (_unused, to) => edges.some(([a, b]) => a === from && b === to)),
  );
  for (let by = 0; by < nodes; by++)
    for (let from = 0; from < nodes; from++)
      for (let to = 0; to < nodes; to++) if (reach[from]?.[by] === true && reach[by]?.[to] === true) (reach[from] as boolean[])[to] = true;
  const groups = new Map<string, number[]>();
  for (let node = 0; node < nodes; node++) {
    const members = Array.from({ length: nodes }, (_, other) => other).filter(
      (other) => other === node || (reach[node]?.[other] && reach[other]?.[node]),
    );
    if (members.length > 1) groups.set(members.join(), members);
  }
  return [...groups.values()];
}

const graphs = fc
  .integer({ min: 1, max: 12 })
  .chain((nodes) => fc.record({ nodes: fc.constant(nodes), edges: fc.array(fc.tuple(fc.nat(nodes - 1), fc.nat(nodes - 1)), { maxLength: 40 }) }));
const packed = (nodes: number, edges: readonly (readonly [number, number])[]): ReturnType<typeof packGraph> =>
  packGraph(
    nodes,
    edges.map(([from]) => from),
    edges.map(([, to]) => to),
  );

test('cycles are those that a search from everywhere to everywhere finds', () => {
  fc.assert(
    fc.property(graphs, ({ nodes, edges }) => {
      const found = cyclesOf(packed(nodes, edges));
      expect(found.map((members) => members.join()).toSorted()).toEqual(
        bruteForce(nodes, edges)
          .map((members) => members.join())
          .toSorted(),
      );
      expect(found.map(({ length }) => length)).toEqual(found.map(({ length }) => length).toSorted((a, b) => b - a));
    }),
    { numRuns: 500 },
  );
});

test('a packed graph holds each edge once', () => {
  fc.assert(
    fc.property(graphs, ({ nodes, edges }) => {
      const { starts, targets } = packed(nodes, edges);
      const unpacked = Array.from({ length: nodes }, (_, from) =>
        Array.from(targets.subarray(starts[from], starts[from + 1])).map((to) => `${from}>${to}`),
      ).flat();
      expect(unpacked.toSorted()).toEqual([...new Set(edges.map(([from, to]) => `${from}>${to}`))].toSorted());
    }),
  );
});

test('a ring of 200,000 takes no call stack', () => {
  const nodes = 200_000;
  const from = Uint32Array.from({ length: nodes }, (_, node) => node);
  const ring = packGraph(
    nodes,
    from,
    from.map((node) => (node + 1) % nodes),
  );
  expect(cyclesOf(ring).map(({ length }) => length)).toEqual([nodes]);
});
