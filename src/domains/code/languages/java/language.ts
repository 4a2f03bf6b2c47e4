import type { Language } from '../language.ts';

export const java: Language = {
  id: 'java',
  name: 'Java',
  extensions: ['java'],
  grammar: { package: 'tree-sitter-java', file: 'tree-sitter-java.wasm' },
  query: `
    (class_declaration name: (identifier) @name) @class
    (record_declaration name: (identifier) @name) @class
    (interface_declaration name: (identifier) @name) @interface
    (annotation_type_declaration name: (identifier) @name) @interface
    (enum_declaration name: (identifier) @name) @enum
    (method_declaration name: (identifier) @name) @method
    (annotation_type_element_declaration name: (identifier) @name) @method
    [(constructor_declaration name: (identifier) @name) (compact_constructor_declaration name: (identifier) @name)] @constructor
    (field_declaration declarator: (variable_declarator name: (identifier) @name)) @field
    (constant_declaration declarator: (variable_declarator name: (identifier) @name)) @constant
    (enum_constant name: (identifier) @name) @constant

    (method_invocation name: (identifier) @ref)
    (method_reference (identifier) @ref .)
    (type_identifier) @ref
    [(marker_annotation name: (identifier) @ref) (annotation name: (identifier) @ref)]
    (import_declaration (scoped_identifier) @import)
  `,
  complexity: `
    [
      (if_statement) (for_statement) (enhanced_for_statement) (while_statement) (do_statement) (catch_clause) (ternary_expression)
    ] @branch
    (if_statement alternative: (_) @else)
    (if_statement alternative: (if_statement) @elseif)
    (switch_expression) @switch
    (switch_label "case") @case
    (lambda_expression) @nest
    (binary_expression operator: ["&&" "||"]) @logic
    (binary_expression left: (binary_expression operator: "&&") operator: "&&") @same
    (binary_expression left: (binary_expression operator: "||") operator: "||") @same
    (break_statement (identifier)) @jump
    (continue_statement (identifier)) @jump
  `,
  lines: [
    {
      kind: 'class',
      pattern:
        /^\s*(?:(?:public|protected|private|static|final|abstract|sealed|non-sealed|strictfp)\s+)*(?:class|record)\s+(?<name>[\p{L}_$][\p{L}\p{N}_$]*)/u,
    },
    { kind: 'interface', pattern: /^\s*(?:(?:public|protected|private|static|abstract|sealed)\s+)*@?interface\s+(?<name>[\p{L}_$][\p{L}\p{N}_$]*)/u },
    { kind: 'enum', pattern: /^\s*(?:(?:public|protected|private|static)\s+)*enum\s+(?<name>[\p{L}_$][\p{L}\p{N}_$]*)/u },
    {
      kind: 'method',
      pattern:
        /^\s+(?:(?:public|protected|private|static|final|abstract|synchronized|native|default)\s+)+(?:<[^<>]*>\s*)?(?:[\w$.<>,?[\]]+\s+){0,3}(?<name>[\p{L}_$][\p{L}\p{N}_$]*)\s*\([^;=]*$/u,
    },
  ],
  leading: /^\s*(?:\/\/|\/\*|\*|@\w)/,
};
