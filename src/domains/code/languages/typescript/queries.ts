import { definitions, REQUIRE, USES } from '../javascript/queries.ts';

export const TYPESCRIPT_QUERY = `
  ${definitions('type_identifier')}
  (abstract_class_declaration name: (type_identifier) @name) @class
  (interface_declaration name: (type_identifier) @name) @interface
  (type_alias_declaration name: (type_identifier) @name) @type
  (enum_declaration name: (identifier) @name) @enum
  (module name: [(identifier) (nested_identifier)] @name) @namespace
  (internal_module name: [(identifier) (nested_identifier)] @name) @namespace
  (function_signature name: (identifier) @name) @function
  (method_signature name: (_) @name) @method
  (abstract_method_signature name: (_) @name) @method
  (property_signature name: (property_identifier) @name) @field
  (class_body (public_field_definition name: (_) @name value: [
    (arrow_function parameters: (_)? @params body: (_) @body)
    (function_expression parameters: (_) @params body: (_) @body)
  ]) @method)
  (class_body (public_field_definition name: (_) @name) @field)
  (enum_body [(property_identifier) @name (enum_assignment name: (property_identifier) @name)] @constant)
  (ambient_declaration (lexical_declaration (variable_declarator name: (identifier) @name) @constant))
  (ambient_declaration (variable_declaration (variable_declarator name: (identifier) @name) @variable))

  (type_identifier) @ref
  (extends_clause value: [(identifier) @ref (member_expression property: (property_identifier) @ref)])
  ${USES}
  ${REQUIRE}
  (import_require_clause source: (string (string_fragment) @import))
`;
