import type { Language } from '../language.ts';

export const json: Language = {
  id: 'json',
  name: 'JSON',
  extensions: ['json', 'jsonc', 'json5', 'webmanifest', 'geojson', 'jsonld', 'avsc', 'topojson'],
  filenames: ['.babelrc', '.eslintrc', '.prettierrc', '.swcrc', 'composer.lock', 'flake.lock'],
  grammar: { package: 'tree-sitter-json', file: 'tree-sitter-json.wasm' },
  query: `
    (document (object (pair key: (string (string_content) @name)) @key))
  `,
  maxSymbols: 1_000,
};
