import type { Language } from '../language.ts';

export const go: Language = {
  id: 'go',
  name: 'Go',
  extensions: ['go'],
  grammar: { package: 'tree-sitter-go', file: 'tree-sitter-go.wasm' },
  query: `
    (function_declaration name: (identifier) @name) @function
    (method_declaration
      receiver: (parameter_list (parameter_declaration type: [
        (type_identifier) @container
        (pointer_type (type_identifier) @container)
        (generic_type type: (type_identifier) @container)
        (pointer_type (generic_type type: (type_identifier) @container))
      ]))
      name: (field_identifier) @name) @method
    (type_spec name: (type_identifier) @name type: (struct_type)) @struct
    (type_spec name: (type_identifier) @name type: (interface_type)) @interface
    (type_spec name: (type_identifier) @name) @type
    (type_alias name: (type_identifier) @name) @type
    (interface_type (method_elem name: (field_identifier) @name) @method)
    (field_declaration name: (field_identifier) @name) @field
    (source_file (const_declaration (const_spec name: (identifier) @name) @constant))
    (source_file (var_declaration (var_spec name: (identifier) @name) @variable))
    (source_file (var_declaration (var_spec_list (var_spec name: (identifier) @name) @variable)))

    (call_expression function: [(identifier) @ref (selector_expression field: (field_identifier) @ref)])
    (type_identifier) @ref
    (import_spec path: (interpreted_string_literal (interpreted_string_literal_content) @import))
  `,
  complexity: `
    [(if_statement) (for_statement)] @branch
    (if_statement alternative: (_) @else)
    (if_statement alternative: (if_statement) @elseif)
    [(expression_switch_statement) (type_switch_statement) (select_statement)] @switch
    [(expression_case) (type_case) (communication_case)] @case
    (func_literal) @nest
    (binary_expression operator: ["&&" "||"]) @logic
    (binary_expression left: (binary_expression operator: "&&") operator: "&&") @same
    (binary_expression left: (binary_expression operator: "||") operator: "||") @same
    (goto_statement) @jump
    (break_statement (label_name)) @jump
    (continue_statement (label_name)) @jump
  `,
  lines: [
    { kind: 'function', pattern: /^func\s+(?<name>[\p{L}_][\p{L}\p{N}_]*)\s*[([]/u },
    { kind: 'method', pattern: /^func\s+\([^()]*\)\s*(?<name>[\p{L}_][\p{L}\p{N}_]*)\s*\(/u },
    { kind: 'type', pattern: /^type\s+(?<name>[\p{L}_][\p{L}\p{N}_]*)\b/u },
  ],
  leading: /^\s*\/\//,
};
