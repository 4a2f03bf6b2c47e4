import { formatRelative } from './human-values.ts';
import { isFields, renderValue, type View } from './render-value.ts';
import { safeBlock, safeLine } from './terminal-text.ts';

type Fields = Readonly<Record<string, unknown>>;

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** A memory for people: a line about it, then its text, indented. */
export function renderMemory(memory: Fields, view: View): string {
  const { palette } = view;
  const { score } = memory;
  const about = [
    palette.accent(safeLine(textOf(memory['id']))),
    ...(typeof score === 'number' ? [palette.bold(score.toFixed(2))] : []),
    palette.dim(whenOf(memory, view)),
    ...(textOf(memory['type']) === '' || memory['type'] === 'note' ? [] : [safeLine(textOf(memory['type']))]),
    ...tagsOf(memory).map((tag) => palette.warn(`#${safeLine(tag)}`)),
    ...(textOf(memory['thread']) === ''
      ? []
      : [palette.dim(`${safeLine(textOf(memory['thread']))}:${typeof memory['place'] === 'number' ? memory['place'] : ''}`)]),
    ...whyOf(memory).map((reason) => palette.dim(reason)),
  ];
  return `${about.join('  ')}\n${safeBlock(textOf(memory['content'])).replaceAll(/^(?=.)/gm, '  ')}`;
}

function whenOf(memory: Fields, view: View): string {
  const at = Date.parse(textOf(memory['occurredAt']));
  if (Number.isNaN(at)) return '';
  const expires = Date.parse(textOf(memory['expiresAt']));
  return formatRelative(at, view.now) + (Number.isNaN(expires) ? '' : `, forgotten ${formatRelative(expires, view.now)}`);
}

function tagsOf(memory: Fields): readonly string[] {
  const tags = memory['tags'];
  return Array.isArray(tags) ? tags.filter((tag) => typeof tag === 'string') : [];
}

function whyOf(memory: Fields): readonly string[] {
  const why = memory['why'];
  return isFields(why) ? [`by ${Object.keys(why).map(safeLine).join(' + ')}`] : [];
}

/** Memories, found or listed, with what the answer says of the whole. */
export function renderMemories(answer: Fields, view: View): string {
  const results = Array.isArray(answer['results']) ? answer['results'].filter(isFields) : [];
  const cursor = textOf(answer['cursor']);
  const notes = [
    ...rangeOf(answer),
    ...(typeof answer['pending'] === 'number' && answer['pending'] > 0 ? [`${answer['pending']} memories can only be found by words yet`] : []),
    ...(cursor === '' ? [] : [`more: --cursor ${safeLine(cursor)}`]),
  ];
  const body = results.length === 0 ? 'Nothing found.' : results.map((memory) => renderMemory(memory, view)).join('\n\n');
  return notes.length === 0 ? body : `${body}\n\n${view.palette.dim(notes.join('\n'))}`;
}

function rangeOf(answer: Fields): readonly string[] {
  const { range } = answer;
  if (!isFields(range)) return [];
  const since = safeLine(textOf(range['since']) || 'the beginning');
  const until = safeLine(textOf(range['until']) || 'now');
  return [`from ${since} to ${until}`];
}

/** One memory in full: text first, then all that is known about it. */
export function renderWholeMemory(answer: Fields, view: View): string {
  const { content: _content, tags: _tags, occurredAt: _occurredAt, id: _id, ...rest } = answer;
  return `${renderMemory(answer, view)}\n\n${renderValue(rest, view)}`;
}
