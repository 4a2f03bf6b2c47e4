import type { Language } from '../language.ts';
import { C_LEADING, C_LINES } from './lines.ts';
import { C_DECISIONS, C_DEFINITIONS, C_USES } from './queries.ts';

export const c: Language = {
  id: 'c',
  name: 'C',
  extensions: ['c', 'h', 'idc'],
  shebangs: ['tcc'],
  grammar: { package: 'tree-sitter-c', file: 'tree-sitter-c.wasm' },
  query: `${C_DEFINITIONS} ${C_USES}`,
  complexity: C_DECISIONS,
  lines: C_LINES,
  leading: C_LEADING,
};
