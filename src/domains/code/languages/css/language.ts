import type { Language } from '../language.ts';

export const css: Language = {
  id: 'css',
  name: 'CSS',
  extensions: ['css'],
  grammar: { package: 'tree-sitter-css', file: 'tree-sitter-css.wasm' },
  query: `
    (rule_set (selectors) @name (block) @body) @selector
    (keyframes_statement (keyframes_name) @name (keyframe_block_list) @body) @selector
    ((declaration (property_name) @name) @variable (#match? @name "^--"))

    ((call_expression (function_name) @_var (arguments . (plain_value) @ref)) (#eq? @_var "var"))
    (import_statement [(string_value (string_content) @import) (call_expression (arguments [(string_value (string_content) @import) (plain_value) @import]))])
  `,
  lines: [
    { kind: 'selector', pattern: /^\s*(?<name>[.#:@*&>a-zA-Z[][^{};]*?)\s*\{/ },
    { kind: 'variable', pattern: /^\s*(?<name>--[\w-]+)\s*:/ },
  ],
  leading: /^\s*(?:\/\*|\*)/,
};
