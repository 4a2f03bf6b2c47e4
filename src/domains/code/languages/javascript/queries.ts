/** What JavaScript and TypeScript share. Names of classes are other nodes in the two. */
export function definitions(className: string): string {
  return `
    [
      (function_declaration name: (identifier) @name)
      (generator_function_declaration name: (identifier) @name)
    ] @function
    (function_expression name: (identifier) @name) @function
    [
      (class_declaration name: (${className}) @name)
      (class name: (${className}) @name)
    ] @class
    (method_definition name: (_) @name) @method
    (variable_declarator name: (identifier) @name value: [
      (arrow_function parameters: (_)? @params parameter: (_)? @params body: (_) @body)
      (function_expression parameters: (_) @params body: (_) @body)
      (generator_function parameters: (_) @params body: (_) @body)
    ]) @function
    (variable_declarator name: (identifier) @name value: (class body: (_) @body)) @class
    (pair key: [(property_identifier) @name (string (string_fragment) @name)] value: [
      (arrow_function parameters: (_)? @params parameter: (_)? @params body: (_) @body)
      (function_expression parameters: (_) @params body: (_) @body)
      (generator_function parameters: (_) @params body: (_) @body)
    ]) @method
    (assignment_expression left: [(identifier) @name (member_expression property: (property_identifier) @name)] right: [
      (arrow_function parameters: (_)? @params parameter: (_)? @params body: (_) @body)
      (function_expression parameters: (_) @params body: (_) @body)
      (generator_function parameters: (_) @params body: (_) @body)
      (class body: (_) @body)
    ]) @function
    (program (lexical_declaration kind: "const" (variable_declarator name: (identifier) @name) @constant))
    (program (lexical_declaration kind: "let" (variable_declarator name: (identifier) @name) @variable))
    (program (variable_declaration (variable_declarator name: (identifier) @name) @variable))
    (program (export_statement (lexical_declaration (variable_declarator name: (identifier) @name) @constant)))
  `;
}

export const USES = `
  (call_expression function: [(identifier) @ref (member_expression property: [(property_identifier) (private_property_identifier)] @ref)])
  (new_expression constructor: [(identifier) @ref (member_expression property: (property_identifier) @ref)])
  (decorator [(identifier) @ref (member_expression property: (property_identifier) @ref)])

  (import_statement source: (string (string_fragment) @import))
  (export_statement source: (string (string_fragment) @import))
  (call_expression function: (import) arguments: (arguments . (string (string_fragment) @import)))
`;

/** Components: a tag with a capital letter is a use of that name. */
export const JSX_USES = `
  (jsx_opening_element name: [(identifier) @ref (member_expression property: (property_identifier) @ref)] (#match? @ref "^[A-Z]"))
  (jsx_self_closing_element name: [(identifier) @ref (member_expression property: (property_identifier) @ref)] (#match? @ref "^[A-Z]"))
`;

export const REQUIRE = `
  ((call_expression function: (identifier) @_require arguments: (arguments . (string (string_fragment) @import)))
    (#eq? @_require "require"))
`;

export const DECISIONS = `
  [
    (if_statement) (for_statement) (for_in_statement) (while_statement) (do_statement) (catch_clause) (ternary_expression)
  ] @branch
  (else_clause (if_statement) @elseif)
  (else_clause) @else
  (switch_statement) @switch
  (switch_case) @case
  [(arrow_function) (function_expression) (generator_function)] @nest
  (binary_expression operator: ["&&" "||" "??"]) @logic
  (binary_expression left: (binary_expression operator: "&&") operator: "&&") @same
  (binary_expression left: (binary_expression operator: "||") operator: "||") @same
  (binary_expression left: (binary_expression operator: "??") operator: "??") @same
  (break_statement label: (_)) @jump
  (continue_statement label: (_)) @jump
`;
