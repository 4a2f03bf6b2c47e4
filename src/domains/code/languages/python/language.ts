import type { Language } from '../language.ts';

export const python: Language = {
  id: 'python',
  name: 'Python',
  extensions: ['py', 'pyi', 'pyw'],
  filenames: ['sconstruct', 'sconscript', 'wscript'],
  shebangs: ['python', 'pypy'],
  grammar: { package: 'tree-sitter-python', file: 'tree-sitter-python.wasm' },
  query: `
    (function_definition name: (identifier) @name) @function
    (class_definition name: (identifier) @name) @class
    (assignment left: (identifier) @name right: (lambda parameters: (_)? @params body: (_) @body)) @function
    (module (expression_statement (assignment left: (identifier) @name right: (_)) @constant))
    (module (expression_statement (assignment left: (identifier) @name !right) @constant))
    (class_definition body: (block (expression_statement (assignment left: (identifier) @name) @field)))
    (type_alias_statement left: (type (identifier) @name)) @type

    (call function: [(identifier) @ref (attribute attribute: (identifier) @ref)])
    (decorator [(identifier) @ref (attribute attribute: (identifier) @ref)])
    (class_definition superclasses: (argument_list [(identifier) @ref (attribute attribute: (identifier) @ref)]))
    (type [(identifier) @ref (attribute attribute: (identifier) @ref) (generic_type (identifier) @ref)])

    (import_statement name: [(dotted_name) @import (aliased_import name: (dotted_name) @import)])
    (import_from_statement module_name: (_) @import)
  `,
  complexity: `
    [
      (if_statement) (for_statement) (while_statement) (except_clause) (conditional_expression)
      (for_in_clause) (if_clause)
    ] @branch
    (elif_clause) @case
    (if_statement alternative: (_) @else)
    (for_statement alternative: (_) @else)
    (while_statement alternative: (_) @else)
    (match_statement) @switch
    (case_clause) @case
    (lambda) @nest
    (boolean_operator) @logic
    (boolean_operator left: (boolean_operator operator: "and") operator: "and") @same
    (boolean_operator left: (boolean_operator operator: "or") operator: "or") @same
  `,
  lines: [
    { kind: 'function', pattern: /^\s*(?:async\s+)?def\s+(?<name>[\p{L}_][\p{L}\p{N}_]*)\s*[([]/u },
    { kind: 'class', pattern: /^\s*class\s+(?<name>[\p{L}_][\p{L}\p{N}_]*)\s*[([:]/u },
  ],
  leading: /^\s*[#@]/,
  constructors: ['__init__'],
};
