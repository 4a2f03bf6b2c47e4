import type { Language } from '../language.ts';

export const csharp: Language = {
  id: 'csharp',
  name: 'C#',
  extensions: ['cs', 'csx'],
  shebangs: ['dotnet-script'],
  grammar: { package: 'tree-sitter-c-sharp', file: 'tree-sitter-c_sharp.wasm' },
  query: `
    (class_declaration name: (identifier) @name) @class
    (record_declaration name: (identifier) @name) @class
    (struct_declaration name: (identifier) @name) @struct
    (interface_declaration name: (identifier) @name) @interface
    (enum_declaration name: (identifier) @name) @enum
    (delegate_declaration name: (identifier) @name) @type
    (namespace_declaration name: (_) @name) @namespace
    (file_scoped_namespace_declaration name: (_) @name) @namespace
    (method_declaration name: (identifier) @name) @method
    (local_function_statement name: (identifier) @name) @function
    (constructor_declaration name: (identifier) @name) @constructor
    (destructor_declaration name: (identifier) @name) @method
    (operator_declaration operator: _ @name) @method
    (property_declaration name: (identifier) @name) @field
    (event_declaration name: (identifier) @name) @field
    (field_declaration (variable_declaration (variable_declarator name: (identifier) @name))) @field
    (event_field_declaration (variable_declaration (variable_declarator name: (identifier) @name))) @field
    (enum_member_declaration name: (identifier) @name) @constant

    (invocation_expression function: [
      (identifier) @ref
      (generic_name (identifier) @ref)
      (member_access_expression name: [(identifier) @ref (generic_name (identifier) @ref)])
    ])
    (object_creation_expression type: [(identifier) @ref (generic_name (identifier) @ref) (qualified_name name: (identifier) @ref)])
    (base_list [(identifier) @ref (generic_name (identifier) @ref) (qualified_name name: (identifier) @ref)])
    (attribute name: [(identifier) @ref (qualified_name name: (identifier) @ref)])
    (parameter type: [(identifier) @ref (generic_name (identifier) @ref)])
    (variable_declaration type: [(identifier) @ref (generic_name (identifier) @ref)])
    (method_declaration returns: [(identifier) @ref (generic_name (identifier) @ref)])
    (property_declaration type: [(identifier) @ref (generic_name (identifier) @ref)])
    (type_argument_list (identifier) @ref)
    (using_directive [(identifier) (qualified_name)] @import)
  `,
  complexity: `
    [
      (if_statement) (for_statement) (foreach_statement) (while_statement) (do_statement) (catch_clause) (conditional_expression)
    ] @branch
    (if_statement alternative: (_) @else)
    (if_statement alternative: (if_statement) @elseif)
    [(switch_statement) (switch_expression)] @switch
    (switch_section "case") @case
    (switch_expression_arm) @case
    [(lambda_expression) (anonymous_method_expression)] @nest
    (binary_expression operator: ["&&" "||" "??"]) @logic
    (binary_expression left: (binary_expression operator: "&&") operator: "&&") @same
    (binary_expression left: (binary_expression operator: "||") operator: "||") @same
    (binary_expression left: (binary_expression operator: "??") operator: "??") @same
    (goto_statement) @jump
  `,
  lines: [
    {
      kind: 'class',
      pattern:
        /^\s*(?:(?:public|protected|private|internal|static|sealed|abstract|partial|readonly|unsafe|new)\s+)*(?:class|record)\s+(?:struct\s+|class\s+)?(?<name>[\p{L}_]\w*)/u,
    },
    { kind: 'interface', pattern: /^\s*(?:(?:public|protected|private|internal|partial)\s+)*interface\s+(?<name>[\p{L}_]\w*)/u },
    { kind: 'struct', pattern: /^\s*(?:(?:public|protected|private|internal|partial|readonly|ref|unsafe)\s+)*struct\s+(?<name>[\p{L}_]\w*)/u },
    { kind: 'enum', pattern: /^\s*(?:(?:public|protected|private|internal)\s+)*enum\s+(?<name>[\p{L}_]\w*)/u },
    { kind: 'namespace', pattern: /^\s*namespace\s+(?<name>[\p{L}_][\w.]*)/u },
    {
      kind: 'method',
      pattern:
        /^\s+(?:(?:public|protected|private|internal|static|sealed|abstract|virtual|override|async|extern|unsafe|new|partial)\s+)+(?:[\w.<>,?[\]]+\s+){0,3}(?<name>[\p{L}_]\w*)\s*(?:<[^<>()]*>)?\s*\([^;=]*$/u,
    },
  ],
  leading: /^\s*(?:\/\/|\/\*|\*|\[)/,
};
