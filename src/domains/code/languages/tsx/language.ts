import { SCRIPT_LEADING } from '../javascript/lines.ts';
import { DECISIONS, JSX_USES } from '../javascript/queries.ts';
import type { Language } from '../language.ts';
import { TYPESCRIPT_LINES } from '../typescript/lines.ts';
import { TYPESCRIPT_QUERY } from '../typescript/queries.ts';

export const tsx: Language = {
  id: 'tsx',
  name: 'TSX',
  extensions: ['tsx'],
  grammar: { package: 'tree-sitter-typescript', file: 'tree-sitter-tsx.wasm' },
  query: `${TYPESCRIPT_QUERY} ${JSX_USES}`,
  complexity: DECISIONS,
  lines: TYPESCRIPT_LINES,
  leading: SCRIPT_LEADING,
  constructors: ['constructor'],
};
