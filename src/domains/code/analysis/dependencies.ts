import { cyclesOf, type Graph, packGraph } from './cycles.ts';
import { keepEdges, type KeptEdges } from './edges.ts';
import type { AnalysedGeneration } from './generation.ts';
import { isManifest, ManifestReader } from './imports/manifests.ts';
import { folderOf, PathIndex } from './imports/path-index.ts';
import { type ImportContext, type Resolution, UNSUPPORTED } from './imports/resolution.ts';
import { resolverOf } from './imports/resolvers.ts';
import type { Pace } from './pace.ts';
import type { Findings } from './result.ts';
import { Ranking, Tally } from './top-lists.ts';

const LISTED = 30;
const CYCLES = 20;
const MEMBERS = 20;
const EXAMPLES = 20;
const EXTERNALS = 100;
/** Names of external code told apart; further ones are counted as imports only. */
const MAX_EXTERNALS = 50_000;

export interface DependenciesFound {
  readonly findings: Findings<'dependencies'>;
  readonly edges: KeptEdges['blocks'];
}

/** Which files need which others, as far as their imports tell by rules of each language; never more than the names say. */
export async function findDependencies(generation: AnalysedGeneration, pace: Pace): Promise<DependenciesFound> {
  const { files } = generation;
  const manifests = new ManifestReader();
  await pace.each(
    generation.contents((file) => isManifest(files[file]?.path ?? '')),
    ({ file, bytes }) => {
      manifests.take(files[file]?.path ?? '', bytes);
      return 0;
    },
  );
  const context = { index: new PathIndex(files.map(({ path }) => path)), manifests };
  const links = new Links(generation, context);
  let last = -1;
  await pace.each(generation.imports(), ({ file, target }) => {
    links.take(file, target);
    const isNext = file !== last;
    last = file;
    return isNext ? 1 : 0;
  });
  return links.found();
}

/** Imports as they are resolved, then the graph they make. */
class Links {
  readonly #generation: AnalysedGeneration;
  readonly #context: ImportContext;
  /** Of each file: itself, or the package it is part of. */
  readonly #nodeOf: Uint32Array;
  readonly #names: string[] = [];
  readonly #packages = new Map<string, number>();
  readonly #from: number[] = [];
  readonly #to: number[] = [];
  readonly #counts = { resolved: 0, external: 0, unresolved: 0, unsupported: 0 };
  readonly #unresolved: { path: string; target: string }[] = [];
  readonly #externals = new Map<string, { files: number; last: number }>();
  readonly #mayLink: Uint8Array;

  constructor(generation: AnalysedGeneration, context: ImportContext) {
    const { files } = generation;
    this.#generation = generation;
    this.#context = context;
    this.#nodeOf = new Uint32Array(files.length);
    for (const [file, { path, language }] of files.entries()) {
      this.#nodeOf[file] = language === 'go' ? this.#packageNode(folderOf(path)) : this.#names.push(path) - 1;
    }
    this.#mayLink = new Uint8Array(this.#names.length);
    for (const [file, { language, test, generated }] of files.entries()) {
      const isCode = resolverOf(language) !== undefined && language !== 'html' && language !== 'css' && language !== 'bash';
      if (isCode && !test && !generated) this.#mayLink[this.#nodeOf[file] ?? 0] = 1;
    }
  }

  take(file: number, target: string): void {
    const { path = '', language = '' } = this.#generation.files[file] ?? {};
    const resolver = resolverOf(language);
    const resolution = resolver === undefined ? UNSUPPORTED : resolver(this.#context, path, target);
    const node = this.#nodeFor(resolution);
    if (node !== undefined) {
      this.#counts.resolved += 1;
      this.#link(this.#nodeOf[file] ?? 0, node);
    } else if (resolution.kind === 'external') {
      this.#counts.external += 1;
      this.#noteExternal(resolution.name, file);
    } else if (resolution.kind === 'unsupported') this.#counts.unsupported += 1;
    else this.#noteUnresolved(path, target);
  }

  found(): DependenciesFound {
    const graph = packGraph(this.#names.length, this.#from, this.#to);
    const { kept, blocks } = keepEdges(graph, this.#names);
    return { findings: this.#findings(graph, kept), edges: blocks };
  }

  #findings(graph: Graph, edgesKept: number): Findings<'dependencies'> {
    const fanIn = new Uint32Array(graph.nodes);
    for (const target of graph.targets) fanIn[target] = (fanIn[target] ?? 0) + 1;
    const fanOut = fanIn.map((_, node) => (graph.starts[node + 1] ?? 0) - (graph.starts[node] ?? 0));
    return {
      nodes: graph.nodes,
      edges: graph.targets.length,
      edgesKept,
      imports: { ...this.#counts },
      unresolvedExamples: this.#unresolved,
      cycles: this.#cycles(graph),
      mostImported: this.#most(fanIn),
      mostImporting: this.#most(fanOut),
      orphans: this.#orphans(fanIn, fanOut),
      externals: this.#externalList(),
      externalCount: this.#externals.size,
    };
  }

  #nodeFor(resolution: Resolution): number | undefined {
    if (resolution.kind === 'file') return this.#nodeOf[resolution.file];
    return resolution.kind === 'package' ? this.#packages.get(resolution.folder) : undefined;
  }

  #packageNode(folder: string): number {
    const known = this.#packages.get(folder);
    if (known !== undefined) return known;
    const node = this.#names.push(`${folder}/`) - 1;
    this.#packages.set(folder, node);
    return node;
  }

  #link(from: number, to: number): void {
    if (from === to) return;
    this.#from.push(from);
    this.#to.push(to);
  }

  #noteUnresolved(path: string, target: string): void {
    this.#counts.unresolved += 1;
    if (this.#unresolved.length < EXAMPLES) this.#unresolved.push({ path, target });
  }

  #noteExternal(name: string, file: number): void {
    const known = this.#externals.get(name);
    if (known === undefined && this.#externals.size >= MAX_EXTERNALS) return;
    const entry = known ?? { files: 0, last: -1 };
    this.#externals.set(name, entry);
    if (entry.last !== file) entry.files += 1;
    entry.last = file;
  }

  #cycles(graph: Graph): Findings<'dependencies'>['cycles'] {
    const cycles = cyclesOf(graph);
    const largest = cycles
      .slice(0, CYCLES)
      .map((nodes) => ({ size: nodes.length, members: nodes.slice(0, MEMBERS).map((node) => this.#name(node)) }));
    return { count: cycles.length, nodes: cycles.reduce((sum, { length }) => sum + length, 0), largest };
  }

  #most(counts: Uint32Array): { path: string; count: number }[] {
    const ranking = new Ranking<{ path: string; count: number }>(LISTED);
    for (const [node, count] of counts.entries()) if (count > 0) ranking.offer(count, node, () => ({ path: this.#name(node), count }));
    return ranking.values();
  }

  #orphans(fanIn: Uint32Array, fanOut: Uint32Array): Findings<'dependencies'>['orphans'] {
    const tally = new Tally(EXAMPLES);
    for (const [node, may] of this.#mayLink.entries()) if (may === 1 && fanIn[node] === 0 && fanOut[node] === 0) tally.add('', this.#name(node));
    const [orphans = { count: 0, examples: [] }] = tally.entries();
    return { count: orphans.count, examples: orphans.examples };
  }

  #externalList(): { name: string; files: number }[] {
    const all = [...this.#externals].map(([name, { files }]) => ({ name, files }));
    return all.sort((a, b) => b.files - a.files || (a.name < b.name ? -1 : 1)).slice(0, EXTERNALS);
  }

  #name(node: number): string {
    return this.#names[node] ?? '';
  }
}
