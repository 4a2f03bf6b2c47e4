import type { Language } from '../language.ts';

export const bash: Language = {
  id: 'bash',
  name: 'Shell',
  extensions: ['sh', 'bash', 'zsh', 'ksh', 'bats', 'ebuild', 'eclass', 'command'],
  filenames: ['.bashrc', '.bash_profile', '.bash_aliases', '.profile', '.zshrc', '.zshenv', '.zprofile', 'pkgbuild', 'apkbuild', 'configure'],
  shebangs: ['sh', 'bash', 'dash', 'ash', 'zsh', 'ksh', 'bats', 'mksh'],
  grammar: { package: 'tree-sitter-bash', file: 'tree-sitter-bash.wasm' },
  query: `
    (function_definition name: (word) @name) @function
    (program (variable_assignment name: (variable_name) @name) @variable)
    (program (declaration_command (variable_assignment name: (variable_name) @name) @variable))

    (command name: (command_name (word) @ref))
    ((command name: (command_name (word) @_command) . argument: (_) @import)
      (#any-of? @_command "source" "."))
  `,
  complexity: `
    [(if_statement) (for_statement) (c_style_for_statement) (while_statement)] @branch
    [(elif_clause) (case_item)] @case
    [(elif_clause) (else_clause)] @else
    (case_statement) @switch
    (list ["&&" "||"]) @logic
    (binary_expression operator: ["&&" "||"]) @logic
  `,
  lines: [
    { kind: 'function', pattern: /^\s*function\s+(?<name>[\w:.+-]+)\s*(?:\(\s*\))?\s*[{(]?\s*$/ },
    { kind: 'function', pattern: /^\s*(?<name>[A-Za-z_][\w:.-]*)\s*\(\s*\)\s*[{(]?/ },
  ],
  leading: /^\s*#/,
};
