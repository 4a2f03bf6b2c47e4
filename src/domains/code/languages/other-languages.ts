import type { Language, LinePattern } from './language.ts';

/** Languages without a grammar here: told apart by their names, read line by line where a line says enough. */

const SLASHES = /^\s*(?:\/\/|\/\*|\*|@\w)/;
const HASHES = /^\s*#/;
const DASHES = /^\s*--/;

interface More {
  readonly filenames?: readonly string[];
  readonly shebangs?: readonly string[];
  readonly lines?: readonly LinePattern[];
  readonly leading?: RegExp;
}

function known(id: string, name: string, extensions: string, more: More = {}): Language {
  return { id, name, extensions: extensions.split(' ').filter(Boolean), ...more };
}

const KOTLIN_LINES: readonly LinePattern[] = [
  { kind: 'function', pattern: /^\s*(?:[a-z]+\s+)*fun\s+(?:<[^<>]*>\s*)?(?:[\w.<>?]+\.)?(?<name>[\p{L}_]\w*)\s*\(/u },
  {
    kind: 'class',
    pattern:
      /^\s*(?:(?:public|private|internal|protected|abstract|open|sealed|data|inner|enum|annotation|value|inline)\s+)*class\s+(?<name>[\p{L}_]\w*)/u,
  },
  { kind: 'class', pattern: /^\s*(?:(?:public|private|internal|companion|data)\s+)*object\s+(?<name>[\p{L}_]\w*)/u },
  { kind: 'interface', pattern: /^\s*(?:(?:public|private|internal|sealed|fun)\s+)*interface\s+(?<name>[\p{L}_]\w*)/u },
];
const SWIFT_LINES: readonly LinePattern[] = [
  { kind: 'function', pattern: /^\s*(?:@\w+\s+)*(?:[a-z]+\s+)*func\s+(?<name>[\p{L}_]\w*)\s*[(<]/u },
  {
    kind: 'class',
    pattern: /^\s*(?:(?:public|private|internal|open|final|fileprivate|indirect)\s+)*(?:class|actor)\s+(?!func\b|var\b)(?<name>[\p{L}_]\w*)/u,
  },
  { kind: 'struct', pattern: /^\s*(?:(?:public|private|internal|fileprivate)\s+)*struct\s+(?<name>[\p{L}_]\w*)/u },
  { kind: 'enum', pattern: /^\s*(?:(?:public|private|internal|fileprivate|indirect)\s+)*enum\s+(?<name>[\p{L}_]\w*)/u },
  { kind: 'interface', pattern: /^\s*(?:(?:public|private|internal|fileprivate)\s+)*protocol\s+(?<name>[\p{L}_]\w*)/u },
];
const SCALA_LINES: readonly LinePattern[] = [
  {
    kind: 'function',
    pattern: /^\s*(?:(?:override|private|protected|final|implicit|inline|lazy|abstract)(?:\[\w+\])?\s+)*def\s+(?<name>[\p{L}_$][\p{L}\p{N}_$]*)/u,
  },
  {
    kind: 'class',
    pattern: /^\s*(?:(?:private|protected|final|sealed|abstract|implicit|case)(?:\[\w+\])?\s+)*(?:class|object)\s+(?<name>[\p{L}_$][\p{L}\p{N}_$]*)/u,
  },
  { kind: 'trait', pattern: /^\s*(?:(?:private|protected|sealed)(?:\[\w+\])?\s+)*trait\s+(?<name>[\p{L}_$][\p{L}\p{N}_$]*)/u },
];
const LUA_LINES: readonly LinePattern[] = [
  { kind: 'function', pattern: /^\s*(?:local\s+)?function\s+(?<name>[\w.:]+)\s*\(/ },
  { kind: 'function', pattern: /^\s*(?:local\s+)?(?<name>[\w.]+)\s*=\s*function\s*\(/ },
];
const PERL_LINES: readonly LinePattern[] = [
  { kind: 'function', pattern: /^\s*sub\s+(?<name>[\w:']+)/ },
  { kind: 'module', pattern: /^\s*package\s+(?<name>[\w:]+)/ },
];
const R_LINES: readonly LinePattern[] = [{ kind: 'function', pattern: /^\s*(?<name>[\w.]+)\s*(?:<-|=)\s*function\s*\(/ }];
const SQL_LINES: readonly LinePattern[] = [
  {
    kind: 'type',
    pattern:
      /^\s*create\s+(?:or\s+replace\s+)?(?:(?:global|local|temp|temporary|unlogged|virtual|materialized)\s+)*(?:table|view|type|domain)\s+(?:if\s+not\s+exists\s+)?(?<name>[\w."`[\]]+)/i,
  },
  { kind: 'function', pattern: /^\s*create\s+(?:or\s+replace\s+)?(?:function|procedure|trigger)\s+(?:if\s+not\s+exists\s+)?(?<name>[\w."`[\]]+)/i },
];
const ELIXIR_LINES: readonly LinePattern[] = [
  { kind: 'module', pattern: /^\s*def(?:module|protocol|impl)\s+(?<name>[\w.]+)/ },
  { kind: 'function', pattern: /^\s*(?:def|defp|defguard|defguardp|defdelegate)\s+(?<name>[a-z_]\w*[?!]?)/ },
  { kind: 'macro', pattern: /^\s*defmacrop?\s+(?<name>[a-z_]\w*[?!]?)/ },
];
const DART_LINES: readonly LinePattern[] = [
  { kind: 'class', pattern: /^\s*(?:(?:abstract|base|final|sealed|interface|mixin)\s+)*(?:class|mixin|extension)\s+(?<name>[\w$]+)/ },
  { kind: 'enum', pattern: /^\s*enum\s+(?<name>[\w$]+)/ },
  {
    kind: 'function',
    pattern: /^\s*(?:static\s+)?(?:[\w$<>?,]+\s+)(?!if|for|while|switch|return|catch)(?<name>[\w$]+)\s*\([^;]*\)\s*(?:async\*?\s*)?(?:\{|=>)/,
  },
];
const ZIG_LINES: readonly LinePattern[] = [
  { kind: 'function', pattern: /^\s*(?:pub\s+)?(?:export\s+|extern\s+|inline\s+)*fn\s+(?<name>\w+)\s*\(/ },
  { kind: 'struct', pattern: /^\s*(?:pub\s+)?const\s+(?<name>\w+)\s*=\s*(?:packed\s+|extern\s+)?(?:struct|union|enum)\b/ },
];
const PROTO_LINES: readonly LinePattern[] = [
  { kind: 'struct', pattern: /^\s*message\s+(?<name>\w+)/ },
  { kind: 'enum', pattern: /^\s*enum\s+(?<name>\w+)/ },
  { kind: 'interface', pattern: /^\s*service\s+(?<name>\w+)/ },
  { kind: 'method', pattern: /^\s*rpc\s+(?<name>\w+)/ },
  { kind: 'module', pattern: /^\s*import\s+(?:public\s+|weak\s+)?"(?<imported>[^"]+)"/ },
];
const GRAPHQL_LINES: readonly LinePattern[] = [
  { kind: 'type', pattern: /^\s*(?:extend\s+)?(?:type|input|scalar|union)\s+(?<name>\w+)/ },
  { kind: 'interface', pattern: /^\s*interface\s+(?<name>\w+)/ },
  { kind: 'enum', pattern: /^\s*enum\s+(?<name>\w+)/ },
  { kind: 'function', pattern: /^\s*(?:query|mutation|subscription|fragment)\s+(?<name>\w+)/ },
];
const POWERSHELL_LINES: readonly LinePattern[] = [
  { kind: 'function', pattern: /^\s*(?:function|filter)\s+(?:global:|script:)?(?<name>[\w-]+)/i },
  { kind: 'class', pattern: /^\s*class\s+(?<name>\w+)/i },
];
const HASKELL_LINES: readonly LinePattern[] = [
  { kind: 'function', pattern: /^(?<name>[a-z_][\w']*)\s*::/ },
  { kind: 'type', pattern: /^(?:data|newtype|type)\s+(?:family\s+|instance\s+)?(?<name>[A-Z][\w']*)/ },
  { kind: 'class', pattern: /^class\s+(?:[^=]*=>\s*)?(?<name>[A-Z][\w']*)/ },
];
const MAKE_LINES: readonly LinePattern[] = [
  { kind: 'function', pattern: /^(?<name>[A-Za-z\d_][\w./-]*)\s*::?(?!=)/ },
  { kind: 'variable', pattern: /^(?:export\s+)?(?<name>[A-Za-z_]\w*)\s*(?:[:?+]|::)?=/ },
];
const SECTION_LINES: readonly LinePattern[] = [{ kind: 'heading', pattern: /^\s*(?<level>\[)\[?(?<name>[^[\]]+)\]/ }];
const YAML_LINES: readonly LinePattern[] = [{ kind: 'key', pattern: /^(?<name>[A-Za-z_"'$][\w."'$/-]*)\s*:(?:\s|$)/ }];
const HCL_LINES: readonly LinePattern[] = [
  { kind: 'key', pattern: /^(?:resource|data|module|variable|output|provider|locals|terraform)\s*(?<name>"[\w-]+"(?:\s+"[\w-]+")?)/ },
];
const OBJC_LINES: readonly LinePattern[] = [
  { kind: 'class', pattern: /^@(?:interface|implementation)\s+(?<name>\w+)/ },
  { kind: 'interface', pattern: /^@protocol\s+(?<name>\w+)/ },
  { kind: 'method', pattern: /^[-+]\s*\([^()]*\)\s*(?<name>\w+)/ },
  { kind: 'module', pattern: /^#\s*(?:import|include)\s+[<"](?<imported>[^>"]+)[>"]/ },
];
const STYLE_LINES: readonly LinePattern[] = [
  { kind: 'function', pattern: /^\s*@(?:mixin|function)\s+(?<name>[\w-]+)/ },
  { kind: 'variable', pattern: /^\s*(?<name>(?:\$|--|@)[\w-]+)\s*:/ },
  { kind: 'selector', pattern: /^(?<name>[.#:*&>a-zA-Z[][^{};]*?)\s*\{/ },
];
const LATEX_LINES: readonly LinePattern[] = [{ kind: 'heading', pattern: /^\s*\\(?:(?:sub)*section|chapter|part)\*?(?<level>\{)(?<name>[^{}]+)\}/ }];
const ASCIIDOC_LINES: readonly LinePattern[] = [{ kind: 'heading', pattern: /^(?<level>={1,6})\s+(?<name>\S.*)$/ }];
const LISP_LINES: readonly LinePattern[] = [
  { kind: 'function', pattern: /^\s*\(def(?:un|n-?|ine|method|multi|macro|subst)?\s+\(?(?<name>[^\s()]+)/ },
];
const JULIA_LINES: readonly LinePattern[] = [
  { kind: 'function', pattern: /^\s*function\s+(?:\w+\.)*(?<name>[\p{L}_][\w!]*)/u },
  { kind: 'struct', pattern: /^\s*(?:mutable\s+)?struct\s+(?<name>\w+)/ },
  { kind: 'module', pattern: /^\s*(?:bare)?module\s+(?<name>\w+)/ },
];
const GROOVY_LINES: readonly LinePattern[] = [
  { kind: 'class', pattern: /^\s*(?:[a-z]+\s+)*(?:class|trait|interface)\s+(?<name>\w+)/ },
  { kind: 'function', pattern: /^\s*(?:(?:static|private|public|protected)\s+)*def\s+(?<name>\w+)\s*\(/ },
];

export const OTHER_LANGUAGES: readonly Language[] = [
  known('ada', 'Ada', 'adb ads'),
  known('apex', 'Apex', 'apex'),
  known('asciidoc', 'AsciiDoc', 'adoc asciidoc', { lines: ASCIIDOC_LINES }),
  known('assembly', 'Assembly', 's asm nasm', { lines: [{ kind: 'function', pattern: /^(?<name>[A-Za-z_.$][\w.$]*):/ }] }),
  known('awk', 'AWK', 'awk', { shebangs: ['awk', 'gawk', 'mawk'] }),
  known('batch', 'Batch', 'bat cmd', { lines: [{ kind: 'function', pattern: /^:(?<name>\w+)/ }] }),
  known('clojure', 'Clojure', 'clj cljs cljc edn', { shebangs: ['bb'], lines: LISP_LINES, leading: /^\s*;/ }),
  known('cmake', 'CMake', 'cmake', {
    filenames: ['cmakelists.txt'],
    lines: [{ kind: 'function', pattern: /^\s*(?:function|macro)\s*\(\s*(?<name>\w+)/i }],
    leading: HASHES,
  }),
  known('cobol', 'COBOL', 'cob cbl cpy'),
  known('coffeescript', 'CoffeeScript', 'coffee', { shebangs: ['coffee'] }),
  known('commonlisp', 'Common Lisp', 'lisp cl lsp asd', { shebangs: ['sbcl'], lines: LISP_LINES, leading: /^\s*;/ }),
  known('coq', 'Coq', ''),
  known('crystal', 'Crystal', 'cr', { shebangs: ['crystal'] }),
  known('csv', 'CSV', 'csv tsv'),
  known('d', 'D', 'd di', { shebangs: ['rdmd'] }),
  known('dart', 'Dart', 'dart', { shebangs: ['dart'], lines: DART_LINES, leading: SLASHES }),
  known('diff', 'Diff', 'diff patch'),
  known('dockerfile', 'Dockerfile', 'dockerfile', { filenames: ['dockerfile', 'containerfile'] }),
  known('elixir', 'Elixir', 'ex exs', { shebangs: ['elixir'], lines: ELIXIR_LINES, leading: /^\s*[#@]/ }),
  known('elm', 'Elm', 'elm', { lines: HASKELL_LINES, leading: DASHES }),
  known('emacs-lisp', 'Emacs Lisp', 'el', { filenames: ['.emacs'], lines: LISP_LINES, leading: /^\s*;/ }),
  known('erlang', 'Erlang', 'erl hrl', {
    shebangs: ['escript'],
    lines: [{ kind: 'function', pattern: /^(?<name>[a-z]\w*)\s*\([^)]*\)\s*(?:when\b.*)?->/ }],
  }),
  known('fish', 'Fish', 'fish', { shebangs: ['fish'], lines: [{ kind: 'function', pattern: /^\s*function\s+(?<name>[\w.-]+)/ }], leading: HASHES }),
  known('fortran', 'Fortran', 'f90 f95 f03 f08 f for ftn', {
    lines: [{ kind: 'function', pattern: /^\s*(?!end\b)(?:[a-z]\w*(?:\([^()]*\))?\s+){0,4}(?:subroutine|function|module|program)\s+(?<name>\w+)/i }],
  }),
  known('fsharp', 'F#', 'fs fsi fsx', {
    lines: [{ kind: 'function', pattern: /^\s*(?:let|member|and)\s+(?:rec\s+|inline\s+|private\s+)*(?:\w+\.)?(?<name>\w+)/ }],
  }),
  known('gdscript', 'GDScript', 'gd', { lines: [{ kind: 'function', pattern: /^\s*(?:static\s+)?func\s+(?<name>\w+)/ }], leading: HASHES }),
  known('glsl', 'GLSL', 'glsl vert frag geom comp hlsl wgsl metal'),
  known('graphql', 'GraphQL', 'graphql gql graphqls', { lines: GRAPHQL_LINES, leading: HASHES }),
  known('groovy', 'Groovy', 'groovy gradle', { filenames: ['jenkinsfile'], shebangs: ['groovy'], lines: GROOVY_LINES, leading: SLASHES }),
  known('haskell', 'Haskell', 'hs lhs', { shebangs: ['runhaskell'], lines: HASKELL_LINES, leading: DASHES }),
  known('hcl', 'HCL', 'tf tfvars hcl nomad', { lines: HCL_LINES, leading: HASHES }),
  known('ini', 'INI', 'ini cfg conf properties editorconfig', {
    filenames: ['.gitconfig', '.editorconfig', '.npmrc', '.gitmodules'],
    lines: SECTION_LINES,
  }),
  known('julia', 'Julia', 'jl', { shebangs: ['julia'], lines: JULIA_LINES, leading: HASHES }),
  known('kotlin', 'Kotlin', 'kt kts', { shebangs: ['kotlin'], lines: KOTLIN_LINES, leading: SLASHES }),
  known('latex', 'LaTeX', 'tex sty', { lines: LATEX_LINES }),
  known('less', 'Less', 'less', { lines: STYLE_LINES, leading: SLASHES }),
  known('lua', 'Lua', 'lua rockspec', { shebangs: ['lua', 'luajit'], lines: LUA_LINES, leading: DASHES }),
  known('makefile', 'Makefile', 'mk mak', {
    filenames: ['makefile', 'gnumakefile', 'kbuild', 'justfile'],
    shebangs: ['make'],
    lines: MAKE_LINES,
    leading: HASHES,
  }),
  known('matlab', 'MATLAB', '', { lines: [{ kind: 'function', pattern: /^\s*function\s+(?:[^=]*=\s*)?(?<name>\w+)/ }] }),
  known('meson', 'Meson', '', { filenames: ['meson.build'] }),
  known('nim', 'Nim', 'nim nims', {
    lines: [{ kind: 'function', pattern: /^\s*(?:proc|func|method|template|macro|iterator)\s+`?(?<name>\w+)/ }],
    leading: HASHES,
  }),
  known('nix', 'Nix', 'nix'),
  known('objective-c', 'Objective-C', 'm mm', { lines: OBJC_LINES, leading: SLASHES }),
  known('ocaml', 'OCaml', 'ml mli', {
    shebangs: ['ocaml'],
    lines: [{ kind: 'function', pattern: /^\s*(?:let|and)\s+(?:rec\s+)?(?<name>[a-z_][\w']*)/ }],
  }),
  known('pascal', 'Pascal', 'pas dpr lpr pp', {
    lines: [{ kind: 'function', pattern: /^\s*(?:class\s+)?(?:function|procedure|constructor|destructor)\s+(?<name>[\w.]+)/i }],
  }),
  known('perl', 'Perl', 'pl pm t pod', { shebangs: ['perl'], lines: PERL_LINES, leading: HASHES }),
  known('powershell', 'PowerShell', 'ps1 psm1 psd1', { shebangs: ['pwsh', 'powershell'], lines: POWERSHELL_LINES, leading: HASHES }),
  known('prolog', 'Prolog', 'pro prolog'),
  known('protobuf', 'Protocol Buffers', 'proto', { lines: PROTO_LINES, leading: SLASHES }),
  known('r', 'R', 'r', { filenames: ['.rprofile'], shebangs: ['rscript'], lines: R_LINES, leading: HASHES }),
  known('racket', 'Racket', 'rkt', { shebangs: ['racket'], lines: LISP_LINES, leading: /^\s*;/ }),
  known('restructuredtext', 'reStructuredText', 'rst rest'),
  known('sass', 'Sass', 'scss sass', { lines: STYLE_LINES, leading: SLASHES }),
  known('scala', 'Scala', 'scala sc sbt', { shebangs: ['scala'], lines: SCALA_LINES, leading: SLASHES }),
  known('scheme', 'Scheme', 'scm ss sld', { shebangs: ['guile'], lines: LISP_LINES, leading: /^\s*;/ }),
  known('solidity', 'Solidity', 'sol', {
    lines: [
      { kind: 'class', pattern: /^\s*(?:abstract\s+)?(?:contract|library|interface)\s+(?<name>\w+)/ },
      { kind: 'function', pattern: /^\s*(?:function|modifier|event)\s+(?<name>\w+)/ },
    ],
    leading: SLASHES,
  }),
  known('sql', 'SQL', 'sql psql ddl', { lines: SQL_LINES, leading: DASHES }),
  known('starlark', 'Starlark', 'bzl bazel star', {
    filenames: ['tiltfile'],
    lines: [{ kind: 'function', pattern: /^\s*def\s+(?<name>\w+)\s*\(/ }],
    leading: HASHES,
  }),
  known('svelte', 'Svelte', 'svelte'),
  known('svg', 'SVG', 'svg'),
  known('swift', 'Swift', 'swift', { shebangs: ['swift'], lines: SWIFT_LINES, leading: SLASHES }),
  known('tcl', 'Tcl', 'tcl', {
    shebangs: ['tclsh', 'wish', 'expect'],
    lines: [{ kind: 'function', pattern: /^\s*proc\s+(?<name>[\w:]+)/ }],
    leading: HASHES,
  }),
  known('toml', 'TOML', 'toml', { filenames: ['cargo.lock', 'poetry.lock', 'uv.lock', 'pipfile'], lines: SECTION_LINES }),
  known('vba', 'Visual Basic', 'vb bas vbs', {
    lines: [{ kind: 'function', pattern: /^\s*(?:(?:public|private|friend|static)\s+)*(?:sub|function)\s+(?<name>\w+)/i }],
  }),
  known('verilog', 'Verilog', 'v sv svh vh', {
    lines: [{ kind: 'module', pattern: /^\s*(?:module|interface|package|class)\s+(?<name>\w+)/ }],
    leading: SLASHES,
  }),
  known('vhdl', 'VHDL', 'vhd vhdl', { lines: [{ kind: 'module', pattern: /^\s*(?:entity|package|architecture)\s+(?<name>\w+)/i }], leading: DASHES }),
  known('vim', 'Vim script', 'vim', { filenames: ['.vimrc'], lines: [{ kind: 'function', pattern: /^\s*fu(?:nction)?!?\s+(?<name>[\w:#.]+)/ }] }),
  known('vue', 'Vue', 'vue'),
  known('xml', 'XML', 'xml xsd xsl xslt wsdl plist csproj vbproj fsproj props targets resx xaml rss'),
  known('yaml', 'YAML', 'yml yaml', { filenames: ['.clang-format', 'pubspec.lock'], lines: YAML_LINES, leading: HASHES }),
  known('zig', 'Zig', 'zig zon', { lines: ZIG_LINES, leading: SLASHES }),
];
