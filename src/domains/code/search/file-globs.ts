import { RE2JS } from 're2js';

/**
 * Whether a path fits one of the globs: `*` and `?` within a part, `**` across parts, `{a,b}`, `[abc]`. A glob without `/` is about the
 * file's name, one that ends in `/` about all below that folder. Linear in the path.
 */
export function pathFilter(globs: readonly string[]): (path: string) => boolean {
  const compiled = globs.map((glob) => RE2JS.compile(expressionOf(glob), RE2JS.DOTALL));
  return (path) => compiled.some((each) => each.matches(path));
}

function expressionOf(glob: string): string {
  const whole = glob.replace(/^\.?\//, '').replace(/\/$/, '/**');
  const rooted = whole.includes('/') ? whole : `**/${whole}`;
  let depth = 0;
  return (
    rooted.replaceAll(/\*\*\/|\*\*|\*|\?|\[[!^]?[^\]/\\[]+\]|\{|\}|,|[^*?[{},]|\[/g, (token) => {
      if (token === '**/') return '(?:.*/)?';
      if (token === '**') return '.*';
      if (token === '*') return '[^/]*';
      if (token === '?') return '[^/]';
      if (token.length > 1 && token.startsWith('[')) return `[${token.slice(1, -1).replace(/^[!^]/, '^/')}]`;
      if (token === '{' && depth < 8) return (depth += 1) > 0 ? '(?:' : '';
      if (token === '}' && depth > 0) return (depth -= 1) >= 0 ? ')' : '';
      return token === ',' && depth > 0 ? '|' : RE2JS.quote(token);
    }) + ')'.repeat(depth)
  );
}
