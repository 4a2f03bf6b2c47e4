/** What C and C++ share. A declarator can be wrapped in pointers, up to three deep here. */
export const C_DEFINITIONS = `
  (function_definition declarator: [
    (function_declarator declarator: (identifier) @name parameters: (_) @params)
    (pointer_declarator declarator: (function_declarator declarator: (identifier) @name parameters: (_) @params))
    (pointer_declarator declarator: (pointer_declarator declarator: (function_declarator declarator: (identifier) @name parameters: (_) @params)))
    (parenthesized_declarator (function_declarator declarator: (identifier) @name parameters: (_) @params))
    (function_declarator declarator: (parenthesized_declarator (identifier) @name) parameters: (_) @params)
    (function_declarator declarator: (parenthesized_declarator
      (function_declarator declarator: (identifier) @name parameters: (_) @params)))
    (function_declarator declarator: (parenthesized_declarator
      (pointer_declarator declarator: (function_declarator declarator: (identifier) @name parameters: (_) @params))))
  ]) @function
  (struct_specifier name: (type_identifier) @name body: (_)) @struct
  (union_specifier name: (type_identifier) @name body: (_)) @union
  (enum_specifier name: (type_identifier) @name body: (_)) @enum
  (enumerator name: (identifier) @name) @constant
  (type_definition declarator: [
    (type_identifier) @name
    (pointer_declarator declarator: (type_identifier) @name)
    (array_declarator declarator: (type_identifier) @name)
    (function_declarator declarator: (parenthesized_declarator (pointer_declarator declarator: (type_identifier) @name)))
    (function_declarator declarator: (type_identifier) @name)
  ]) @type
  (preproc_def name: (identifier) @name) @macro
  (preproc_function_def name: (identifier) @name) @macro
  (field_declaration declarator: [
    (field_identifier) @name
    (pointer_declarator declarator: (field_identifier) @name)
    (array_declarator declarator: (field_identifier) @name)
    (function_declarator declarator: (parenthesized_declarator (pointer_declarator declarator: (field_identifier) @name)))
  ]) @field
  (translation_unit (declaration declarator: [
    (init_declarator declarator: [
      (identifier) @name
      (pointer_declarator declarator: (identifier) @name)
      (array_declarator declarator: (identifier) @name)
      (array_declarator declarator: (array_declarator declarator: (identifier) @name))
    ])
  ]) @variable)
`;

export const C_USES = `
  (call_expression function: [(identifier) @ref (field_expression field: (field_identifier) @ref)])
  (type_identifier) @ref
  (preproc_include path: [(system_lib_string) (string_literal (string_content) @import)])
  (preproc_include path: (system_lib_string) @import)
`;

export const C_DECISIONS = `
  [(if_statement) (for_statement) (while_statement) (do_statement) (conditional_expression)] @branch
  (else_clause) @else
  (else_clause (if_statement) @elseif)
  (switch_statement) @switch
  (case_statement value: (_)) @case
  (binary_expression operator: ["&&" "||"]) @logic
  (binary_expression left: (binary_expression operator: "&&") operator: "&&") @same
  (binary_expression left: (binary_expression operator: "||") operator: "||") @same
  (goto_statement) @jump
`;
