import type { Language } from '../language.ts';

export const markdown: Language = {
  id: 'markdown',
  name: 'Markdown',
  extensions: ['md', 'markdown', 'mdown', 'mkd', 'mkdn', 'mdx', 'mdc', 'qmd', 'rmd'],
  lines: [{ kind: 'heading', pattern: /^ {0,3}(?<level>#{1,6})\s+(?<name>\S.*?)\s*#*$/ }],
  fence: /^ {0,3}(`{3,}|~{3,})/,
};
