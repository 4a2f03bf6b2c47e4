import type { Language } from '../language.ts';

export const rust: Language = {
  id: 'rust',
  name: 'Rust',
  extensions: ['rs'],
  shebangs: ['rust-script', 'cargo'],
  grammar: { package: 'tree-sitter-rust', file: 'tree-sitter-rust.wasm' },
  query: `
    (impl_item type: [
      (type_identifier) @name
      (generic_type type: (type_identifier) @name)
      (scoped_type_identifier name: (type_identifier) @name)
      (generic_type type: (scoped_type_identifier name: (type_identifier) @name))
      (reference_type type: (type_identifier) @name)
    ]) @scope
    (function_item name: (identifier) @name) @function
    (function_signature_item name: (identifier) @name) @function
    (struct_item name: (type_identifier) @name) @struct
    (union_item name: (type_identifier) @name) @union
    (enum_item name: (type_identifier) @name) @enum
    (trait_item name: (type_identifier) @name) @trait
    (type_item name: (type_identifier) @name) @type
    (associated_type name: (type_identifier) @name) @type
    (mod_item name: (identifier) @name) @module
    (macro_definition name: (identifier) @name) @macro
    (const_item name: (identifier) @name) @constant
    (static_item name: (identifier) @name) @variable
    (field_declaration name: (field_identifier) @name) @field
    (enum_variant name: (identifier) @name) @constant

    (call_expression function: [
      (identifier) @ref
      (field_expression field: (field_identifier) @ref)
      (scoped_identifier name: (identifier) @ref)
      (generic_function function: [(identifier) @ref (field_expression field: (field_identifier) @ref) (scoped_identifier name: (identifier) @ref)])
    ])
    (macro_invocation macro: [(identifier) @ref (scoped_identifier name: (identifier) @ref)])
    (type_identifier) @ref
    (attribute [(identifier) @ref (scoped_identifier name: (identifier) @ref)])
    (use_declaration argument: (_) @import)
    (extern_crate_declaration name: (identifier) @import)
  `,
  complexity: `
    [(if_expression) (for_expression) (while_expression) (loop_expression)] @branch
    (else_clause) @else
    (else_clause (if_expression) @elseif)
    (match_expression) @switch
    (match_arm) @case
    (closure_expression) @nest
    (binary_expression operator: ["&&" "||"]) @logic
    (binary_expression left: (binary_expression operator: "&&") operator: "&&") @same
    (binary_expression left: (binary_expression operator: "||") operator: "||") @same
    (break_expression (label)) @jump
    (continue_expression (label)) @jump
  `,
  lines: [
    {
      kind: 'function',
      pattern:
        /^\s*(?:pub(?:\([^)]*\))?\s+)?(?:default\s+)?(?:(?:const|async|unsafe)\s+)*(?:extern\s+"[^"]*"\s+)?fn\s+(?:r#)?(?<name>[\p{L}_][\p{L}\p{N}_]*)/u,
    },
    { kind: 'struct', pattern: /^\s*(?:pub(?:\([^)]*\))?\s+)?struct\s+(?<name>[\p{L}_][\p{L}\p{N}_]*)/u },
    { kind: 'enum', pattern: /^\s*(?:pub(?:\([^)]*\))?\s+)?enum\s+(?<name>[\p{L}_][\p{L}\p{N}_]*)/u },
    { kind: 'trait', pattern: /^\s*(?:pub(?:\([^)]*\))?\s+)?(?:unsafe\s+)?trait\s+(?<name>[\p{L}_][\p{L}\p{N}_]*)/u },
    { kind: 'macro', pattern: /^\s*macro_rules!\s*(?<name>[\p{L}_][\p{L}\p{N}_]*)/u },
  ],
  leading: /^\s*(?:\/\/|\/\*|\*|#\[)/,
};
