import { C_LEADING, C_LINES } from '../c/lines.ts';
import { C_DECISIONS, C_DEFINITIONS, C_USES } from '../c/queries.ts';
import type { Language } from '../language.ts';

/** A name in a class, an operator, a destructor, or one qualified once to three times. */
const NAMED = `[
  (function_declarator declarator: [(field_identifier) (destructor_name) (operator_name)] @name parameters: (_) @params)
  (function_declarator declarator: (qualified_identifier
    scope: (_) @container name: [(identifier) (destructor_name) (operator_name)] @name) parameters: (_) @params)
  (function_declarator declarator: (qualified_identifier name: (qualified_identifier
    scope: (_) @container name: [(identifier) (destructor_name) (operator_name)] @name)) parameters: (_) @params)
  (function_declarator declarator: (qualified_identifier name: (qualified_identifier name: (qualified_identifier
    scope: (_) @container name: [(identifier) (destructor_name) (operator_name)] @name))) parameters: (_) @params)
]`;

export const cpp: Language = {
  id: 'cpp',
  name: 'C++',
  extensions: ['cpp', 'cc', 'cxx', 'c++', 'hpp', 'hh', 'hxx', 'h++', 'ipp', 'tpp', 'inl', 'cu', 'cuh', 'ino'],
  grammar: { package: 'tree-sitter-cpp', file: 'tree-sitter-cpp.wasm' },
  query: `
    (function_definition declarator: ${NAMED}) @function
    (function_definition declarator: (pointer_declarator declarator: ${NAMED})) @function
    (function_definition declarator: (reference_declarator ${NAMED})) @function
    (function_definition declarator: (operator_cast) @name) @function
    (function_definition declarator: (reference_declarator (function_declarator declarator: (identifier) @name parameters: (_) @params))) @function
    (class_specifier name: [(type_identifier) @name (template_type name: (type_identifier) @name)] body: (_)) @class
    (struct_specifier name: [
      (template_type name: (type_identifier) @name)
      (qualified_identifier scope: (_) @container name: [(type_identifier) @name (template_type name: (type_identifier) @name)])
    ] body: (_)) @struct
    (namespace_definition name: (_) @name) @namespace
    (alias_declaration name: (type_identifier) @name) @type
    (concept_definition name: (identifier) @name) @type
    (field_declaration_list (field_declaration declarator: [
      (function_declarator declarator: [(field_identifier) (operator_name)] @name parameters: (_) @params)
      (pointer_declarator declarator: (function_declarator declarator: [(field_identifier) (operator_name)] @name parameters: (_) @params))
      (reference_declarator (function_declarator declarator: [(field_identifier) (operator_name)] @name parameters: (_) @params))
    ]) @method)
    (field_declaration_list (declaration declarator: (function_declarator declarator: (identifier) @name parameters: (_) @params)) @constructor)
    ${C_DEFINITIONS}

    (call_expression function: [
      (qualified_identifier name: (identifier) @ref)
      (qualified_identifier name: (qualified_identifier name: (identifier) @ref))
      (template_function name: (identifier) @ref)
    ])
    ${C_USES}
  `,
  complexity: `
    ${C_DECISIONS}
    [(for_range_loop) (catch_clause)] @branch
    (lambda_expression) @nest
  `,
  lines: [
    {
      kind: 'class',
      pattern: /^\s*(?:template\s*<[^{]*>\s*)?class\s+(?:[A-Z\d_]+\s+)?(?<name>[A-Za-z_]\w*)\s*(?:final\s*)?(?::[^:{;][^{;]*)?\{?\s*$/,
    },
    { kind: 'namespace', pattern: /^\s*(?:inline\s+)?namespace\s+(?<name>[A-Za-z_][\w:]*)\s*\{/ },
    { kind: 'function', pattern: /^(?:[A-Za-z_][\w:<>,]*[\s*&]+)*(?:[A-Za-z_]\w*(?:<[^<>]*>)?::)+(?<name>~?[A-Za-z_]\w*|operator\S+)\s*\([^;]*$/ },
    ...C_LINES,
  ],
  leading: C_LEADING,
};
