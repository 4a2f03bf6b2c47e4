import { SCRIPT_LEADING } from '../javascript/lines.ts';
import { DECISIONS } from '../javascript/queries.ts';
import type { Language } from '../language.ts';
import { TYPESCRIPT_LINES } from './lines.ts';
import { TYPESCRIPT_QUERY } from './queries.ts';

export const typescript: Language = {
  id: 'typescript',
  name: 'TypeScript',
  extensions: ['ts', 'mts', 'cts'],
  shebangs: ['ts-node', 'tsx', 'deno'],
  grammar: { package: 'tree-sitter-typescript', file: 'tree-sitter-typescript.wasm' },
  query: TYPESCRIPT_QUERY,
  complexity: DECISIONS,
  lines: TYPESCRIPT_LINES,
  leading: SCRIPT_LEADING,
  constructors: ['constructor'],
};
