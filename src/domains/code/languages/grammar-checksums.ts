/** SHA-256 of each grammar's file. Written by `node scripts/generate-grammar-checksums.ts`. */
export const GRAMMAR_CHECKSUMS: Readonly<Record<string, string>> = {
  'tree-sitter-bash/tree-sitter-bash.wasm': '8292919c88a0f7d3fb31d0cd0253ca5a9531bc1ede82b0537f2c63dd8abe6a7a',
  'tree-sitter-c-sharp/tree-sitter-c_sharp.wasm': '6f69e1cae44e1c32c1eccc170dc5a9778fb94ff716f71113fe1f8c4299aa2f40',
  'tree-sitter-c/tree-sitter-c.wasm': 'c852c2a85ebf2beb636aa3b0ef7f7e70458684d74f6741b20dcb296885bed9f9',
  'tree-sitter-cpp/tree-sitter-cpp.wasm': '174eb0deb75b2ec7881bcacda9f995648d8e683956e5c2267e69ab6dc503fcbf',
  'tree-sitter-css/tree-sitter-css.wasm': '8a23977fe271357cce6f254ef88c9bebf3854602d8046605aef6a45c02135c59',
  'tree-sitter-go/tree-sitter-go.wasm': '9504573f352b20be7f2f1911754d710622aedc15afff16d5ed8fb5645681aee7',
  'tree-sitter-html/tree-sitter-html.wasm': 'c48fcd82c7ea8bf943180088ba7f28c48b2bb5287874179168bf9d31e394cf85',
  'tree-sitter-java/tree-sitter-java.wasm': '4fdeac4ca6ca089f06c6f7e562abcac1733cd465728cc7031ebb73c2019122c4',
  'tree-sitter-javascript/tree-sitter-javascript.wasm': '5fb488d0cabb4775a594bab85682de5ad6ce83c0d6ac997a9f82dd084d571240',
  'tree-sitter-json/tree-sitter-json.wasm': 'd2119fb98d5912719b13f9458574f8608d2d29dfbe45f6be1f860ea1fe2a2405',
  'tree-sitter-php/tree-sitter-php.wasm': 'd4df6a6ff08c87c3ec4f9cbb785fe09998a0cb570e03f57d7b19b3acfb146aa7',
  'tree-sitter-python/tree-sitter-python.wasm': '16108b50df4ee9a30168794252ab55e7c93bfc5765d7fa0aa3e335752c515f47',
  'tree-sitter-ruby/tree-sitter-ruby.wasm': '09a96427d7c72f0613ed470cd9812223fc4a91d6a9c025c0235cc6bd59ff96f4',
  'tree-sitter-rust/tree-sitter-rust.wasm': 'f65f354215611fd94ad34134b3427eb3d58cbb745df7b6509ba722184db73d57',
  'tree-sitter-typescript/tree-sitter-tsx.wasm': '79e5da75ea62855a0cd67177685f0164eac87d5f630b3cbe1e0a099751ad30f8',
  'tree-sitter-typescript/tree-sitter-typescript.wasm': '778025db5a8be0e70f8ccc3671e486dfeddd048c25d9e8a70c26de2e1bf6f97d',
};
