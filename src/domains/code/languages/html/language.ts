import type { Language } from '../language.ts';

export const html: Language = {
  id: 'html',
  name: 'HTML',
  extensions: ['html', 'htm', 'xhtml'],
  grammar: { package: 'tree-sitter-html', file: 'tree-sitter-html.wasm' },
  query: `
    ((element (start_tag (tag_name) @_tag)) @name @heading (#match? @_tag "^[hH][1-6]$"))
    ((element [
      (start_tag (attribute (attribute_name) @_id (quoted_attribute_value (attribute_value) @name)))
      (self_closing_tag (attribute (attribute_name) @_id (quoted_attribute_value (attribute_value) @name)))
    ]) @selector (#eq? @_id "id"))

    ([(start_tag (tag_name) @ref) (self_closing_tag (tag_name) @ref)] (#match? @ref "-"))
    ((script_element (start_tag (attribute (attribute_name) @_src (quoted_attribute_value (attribute_value) @import)))) (#eq? @_src "src"))
    ((element [
      (start_tag (tag_name) @_link (attribute (attribute_name) @_href (quoted_attribute_value (attribute_value) @import)))
      (self_closing_tag (tag_name) @_link (attribute (attribute_name) @_href (quoted_attribute_value (attribute_value) @import)))
    ]) (#eq? @_link "link") (#eq? @_href "href"))
  `,
  lines: [
    { kind: 'heading', pattern: /^\s*<h[1-6]\b[^<>]*>(?<name>[^<>]+)/i },
    { kind: 'selector', pattern: /^\s*<[a-z][\w-]*\s(?:[^<>]*\s)?id="(?<name>[^"<>]+)"/i },
  ],
  leading: /^\s*<!--/,
};
