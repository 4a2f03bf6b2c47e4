import type { Language } from '../language.ts';
import { JAVASCRIPT_LINES, SCRIPT_LEADING } from './lines.ts';
import { DECISIONS, definitions, JSX_USES, REQUIRE, USES } from './queries.ts';

export const javascript: Language = {
  id: 'javascript',
  name: 'JavaScript',
  extensions: ['js', 'mjs', 'cjs', 'jsx', 'es6'],
  filenames: ['jakefile'],
  shebangs: ['node', 'bun'],
  grammar: { package: 'tree-sitter-javascript', file: 'tree-sitter-javascript.wasm' },
  query: `
    ${definitions('identifier')}
    (class_body (field_definition property: (_) @name value: [
      (arrow_function body: (_) @body)
      (function_expression body: (_) @body)
    ]) @method)
    (class_body (field_definition property: (_) @name) @field)
    (class_heritage [(identifier) @ref (member_expression property: (property_identifier) @ref)])
    ${USES}
    ${JSX_USES}
    ${REQUIRE}
  `,
  complexity: DECISIONS,
  lines: JAVASCRIPT_LINES,
  leading: SCRIPT_LEADING,
  constructors: ['constructor'],
};
