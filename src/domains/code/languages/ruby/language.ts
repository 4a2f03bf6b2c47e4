import type { Language } from '../language.ts';

export const ruby: Language = {
  id: 'ruby',
  name: 'Ruby',
  extensions: ['rb', 'rake', 'gemspec', 'ru', 'podspec', 'rbi'],
  filenames: ['rakefile', 'gemfile', 'guardfile', 'capfile', 'vagrantfile', 'podfile', 'brewfile', 'fastfile', 'dangerfile'],
  shebangs: ['ruby', 'jruby', 'rbx'],
  grammar: { package: 'tree-sitter-ruby', file: 'tree-sitter-ruby.wasm' },
  query: `
    (method name: (_) @name) @method
    (singleton_method name: (_) @name) @method
    (alias name: (_) @name) @method
    (class name: [(constant) @name (scope_resolution scope: (_)? @container name: (constant) @name)]) @class
    (module name: [(constant) @name (scope_resolution scope: (_)? @container name: (constant) @name)]) @module
    (program (assignment left: (constant) @name) @constant)
    (body_statement (assignment left: (constant) @name) @constant)

    (call method: [(identifier) (constant)] @ref)
    (call receiver: (constant) @ref)
    (superclass [(constant) @ref (scope_resolution name: (constant) @ref)])
    ((call method: (identifier) @_method arguments: (argument_list . (string (string_content) @import)))
      (#any-of? @_method "require" "require_relative" "load"))
  `,
  complexity: `
    [
      (if) (unless) (while) (until) (for) (rescue) (conditional) (if_modifier) (unless_modifier) (while_modifier) (until_modifier)
    ] @branch
    (elsif) @case
    [(elsif) (else)] @else
    (case) @switch
    (when) @case
    [(block) (do_block) (lambda)] @nest
    (binary operator: ["&&" "||" "and" "or"]) @logic
    (binary left: (binary operator: "&&") operator: "&&") @same
    (binary left: (binary operator: "||") operator: "||") @same
  `,
  lines: [
    {
      kind: 'method',
      pattern: /^\s*(?:(?:private|protected|public|module_function)\s+)?def\s+(?:self\.|[A-Z]\w*\.)?(?<name>[\p{L}_]\w*[?!=]?|[+\-*/%<>=!~^&|[\]]+)/u,
    },
    { kind: 'class', pattern: /^\s*class\s+(?<name>[A-Z][\w:]*)/ },
    { kind: 'module', pattern: /^\s*module\s+(?<name>[A-Z][\w:]*)/ },
  ],
  leading: /^\s*#/,
  constructors: ['initialize'],
};
