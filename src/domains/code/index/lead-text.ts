/** Documentation stands near its definition's first line. */
const MAX_LINES = 30;
const MAX_LEAD = 600;

const LINE_COMMENT = /^\s*(?:\/\/[/!]?|#(?!!|include|define|if|endif|pragma|\[)|--|;;+)\s?(.*)$/;
const BLOCK_START = /^\s*(?:\/\*\*?!?|[rRuUbB]{0,2}(?:"""|''')|<!--|=begin)\s?(.*)$/;
const BLOCK_END = /\*\/|"""|'''|-->|^=end/;
/** A line that starts the formal part: parameters, results, examples. */
const FORMAL = /^\s*\**\s*(?:[:@\\]\w|>>>|(?:args?|arguments|parameters?|params|returns?|raises|throws|examples?|usage|note)\s*:?\s*$)/i;

/**
 * The first paragraph of a chunk's documentation: of the first comment, or string that stands as one, in any of the usual styles.
 * Empty when there is none near the start. At most 600 characters.
 */
export function leadText(text: string): string {
  const lead: string[] = [];
  let inBlock = false;
  for (const line of firstLines(text)) {
    const content: string | undefined = inBlock ? line : contentOf(line);
    const ends: boolean = inBlock ? BLOCK_END.test(line) : content !== undefined && isBlock(line) && BLOCK_END.test(content);
    if (content !== undefined && !FORMAL.test(content) && hasWord(content)) lead.push(content);
    else if (lead.length > 0) break;
    if (inBlock && ends) break;
    inBlock = (inBlock || (content !== undefined && isBlock(line))) && !ends;
    if (ends && lead.length > 0) break;
  }
  return lead.join(' ').slice(0, MAX_LEAD);
}

function firstLines(text: string): readonly string[] {
  const lines: string[] = [];
  for (let at = 0; at < text.length && lines.length < MAX_LINES;) {
    const end = text.indexOf('\n', at);
    const stop = end < 0 ? text.length : end;
    lines.push(text.slice(at, Math.min(stop, at + MAX_LEAD)));
    at = stop + 1;
  }
  return lines;
}

function contentOf(line: string): string | undefined {
  return BLOCK_START.exec(line)?.[1] ?? LINE_COMMENT.exec(line)?.[1];
}

function isBlock(line: string): boolean {
  return BLOCK_START.test(line);
}

function hasWord(text: string): boolean {
  return /[\p{L}\p{N}]/u.test(text);
}
