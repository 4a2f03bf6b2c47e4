/**
 * The wall table: which part of `src/` may import which. Held by `architecture.test.ts`. A row that is in the way is
 * discussed in an ADR (`docs/adr`), not climbed.
 */

export interface Wall {
  /** Folder under `src/` this row is about; `*` stands for one folder name. The first row that fits a file counts. */
  readonly from: string;
  /** Other parts of `src/` it may import, as patterns of file paths. Its own folder it always may. */
  readonly mayImport: readonly string[];
  /** Packages it may import, beside Node's own. */
  readonly packages: readonly string[];
  /** Node modules that do I/O: refused unless true. */
  readonly io: boolean;
}

const KERNEL = 'kernel/**';
/** One small folder a language: what a parser needs to know, as data. */
const LANGUAGES = 'domains/code/languages/**';
/** Pure rules about git URLs and addresses, which the domain asks at admission and the fetching side again. */
const SOURCE_RULES = 'domains/code/{source-rules,address-rules}.ts';
const STORE_SIDE = ['domains/*/store.ts', 'domains/*/model.ts', 'domains/*/ports.ts'];

/** Pure algorithm files of domains: no door, no service, nothing that does I/O. Storage may derive data with them. */
export const PURE_FILES = [
  'domains/memory/text/tokenise.ts',
  'domains/memory/text/porter-stemmer.ts',
  'domains/memory/ranking.ts',
  'domains/memory/content-hash.ts',
  'domains/memory/stored-bytes.ts',
  'domains/code/index/**',
  'domains/code/search/**',
  'domains/code/analysis/generation.ts',
  'domains/conversation/short-term/kept-exchanges.ts',
] as const;

/** Domains in their order: each may use the doors of those before it. */
export const DOMAIN_ORDER = ['identity', 'admission', 'jobs', 'memory', 'knowledge', 'code', 'data', 'conversation'] as const;

export const WALLS: readonly Wall[] = [
  // What is asked of Node about this process.
  { from: 'kernel/runtime', mayImport: [], packages: [], io: true },
  { from: 'kernel', mayImport: [], packages: ['zod'], io: false },
  { from: 'config', mayImport: [KERNEL], packages: [], io: true },
  { from: 'domains/*', mayImport: [KERNEL], packages: ['zod', 'croner', 're2js'], io: false },
  { from: 'storage/contract', mayImport: [KERNEL, ...STORE_SIDE], packages: ['vitest', 'fast-check'], io: false },
  { from: 'storage/*', mayImport: [KERNEL, ...STORE_SIDE, ...PURE_FILES], packages: ['sqlite-vec', '@redis/client'], io: true },
  {
    from: 'providers',
    mayImport: [KERNEL, 'domains/*/ports.ts', 'domains/*/model.ts', LANGUAGES, SOURCE_RULES],
    packages: ['zod', 'ignore', 'web-tree-sitter', 'eventsource-parser'],
    io: true,
  },
  {
    from: 'surfaces/http',
    mayImport: [KERNEL, 'domains/*/index.ts'],
    packages: ['hono', '@hono/node-server', 'zod'],
    io: true,
  },
  { from: 'surfaces/mcp', mayImport: [KERNEL, 'domains/*/index.ts'], packages: ['@modelcontextprotocol/server', 'zod'], io: true },
  { from: 'surfaces/cli', mayImport: [KERNEL, 'config/**', 'domains/*/index.ts', 'surfaces/mcp/stdio-bridge.ts'], packages: ['zod'], io: true },
  { from: 'app', mayImport: ['**'], packages: ['pino', 'prom-client'], io: true },
  { from: '.', mayImport: ['app/**', 'surfaces/cli/**', KERNEL], packages: [], io: true },
];

/** Node built-ins without I/O, for the parts that must have none. */
export const PURE_BUILTINS: ReadonlySet<string> = new Set(['node:crypto', 'node:util', 'node:buffer', 'node:string_decoder']);
