import type { Language } from '../language.ts';

export const php: Language = {
  id: 'php',
  name: 'PHP',
  extensions: ['php', 'phtml', 'php3', 'php4', 'php5', 'php7', 'phps', 'inc'],
  shebangs: ['php'],
  grammar: { package: 'tree-sitter-php', file: 'tree-sitter-php.wasm' },
  query: `
    (namespace_definition name: (namespace_name) @name) @namespace
    (class_declaration name: (name) @name) @class
    (interface_declaration name: (name) @name) @interface
    (trait_declaration name: (name) @name) @trait
    (enum_declaration name: (name) @name) @enum
    (enum_case name: (name) @name) @constant
    (function_definition name: (name) @name) @function
    (method_declaration name: (name) @name) @method
    (property_declaration (property_element name: (variable_name (name) @name))) @field
    (property_promotion_parameter name: (variable_name (name) @name)) @field
    (const_declaration (const_element . (name) @name)) @constant

    (function_call_expression function: [(name) @ref (qualified_name (name) @ref)])
    (member_call_expression name: (name) @ref)
    (nullsafe_member_call_expression name: (name) @ref)
    (scoped_call_expression name: (name) @ref)
    (scoped_call_expression scope: [(name) @ref (qualified_name (name) @ref)])
    (class_constant_access_expression . [(name) @ref (qualified_name (name) @ref)])
    (object_creation_expression [(name) @ref (qualified_name (name) @ref)])
    (base_clause [(name) @ref (qualified_name (name) @ref)])
    (class_interface_clause [(name) @ref (qualified_name (name) @ref)])
    (named_type [(name) @ref (qualified_name (name) @ref)])
    (attribute [(name) @ref (qualified_name (name) @ref)])
    (use_declaration [(name) @ref (qualified_name (name) @ref)])
    (namespace_use_clause . [(name) (qualified_name)] @import)
    [
      (require_expression (string (string_content) @import))
      (require_once_expression (string (string_content) @import))
      (include_expression (string (string_content) @import))
      (include_once_expression (string (string_content) @import))
      (require_expression (encapsed_string (string_content) @import))
      (require_once_expression (encapsed_string (string_content) @import))
    ]
  `,
  complexity: `
    [
      (if_statement) (for_statement) (foreach_statement) (while_statement) (do_statement) (catch_clause) (conditional_expression)
    ] @branch
    (else_if_clause) @case
    (if_statement alternative: (_) @else)
    (else_clause (if_statement) @elseif)
    [(switch_statement) (match_expression)] @switch
    [(case_statement) (match_conditional_expression)] @case
    [(anonymous_function) (arrow_function)] @nest
    (binary_expression operator: ["&&" "||" "and" "or" "??"]) @logic
    (binary_expression left: (binary_expression operator: "&&") operator: "&&") @same
    (binary_expression left: (binary_expression operator: "||") operator: "||") @same
    (goto_statement) @jump
  `,
  lines: [
    {
      kind: 'function',
      pattern: /^\s*(?:(?:public|protected|private|static|final|abstract)\s+)*function\s+&?(?<name>[\p{L}_][\p{L}\p{N}_]*)\s*\(/iu,
    },
    { kind: 'class', pattern: /^\s*(?:(?:final|abstract|readonly)\s+)*class\s+(?<name>[\p{L}_][\p{L}\p{N}_]*)/iu },
    { kind: 'interface', pattern: /^\s*interface\s+(?<name>[\p{L}_][\p{L}\p{N}_]*)/iu },
    { kind: 'trait', pattern: /^\s*trait\s+(?<name>[\p{L}_][\p{L}\p{N}_]*)/iu },
  ],
  leading: /^\s*(?:\/\/|\/\*|\*|#)/,
  constructors: ['__construct'],
};
