import { formatBytes, formatCount, formatDuration, plural } from './human-values.ts';
import { isFields, renderRows, renderValue, type View } from './render-value.ts';
import { type Palette, safeBlock, safeLine } from './terminal-text.ts';

type Fields = Readonly<Record<string, unknown>>;

const text = (value: unknown): string => (typeof value === 'string' ? safeLine(value) : '');
const number = (value: unknown): number => (typeof value === 'number' ? value : 0);
const fieldsOf = (value: unknown): readonly Fields[] => (Array.isArray(value) ? value.filter(isFields) : []);

/** A sync's report in a few lines; everything of it is in `--json`. */
export function renderSync(answer: Fields, view: View): string {
  const { palette } = view;
  const job = isFields(answer['job']) ? answer['job'] : {};
  if (answer['filesSeen'] === undefined) return `${palette.warn(text(job['state']))}  ${palette.accent(text(job['id']))}  ${text(job['subject'])}`;
  const seconds = fieldsOf(answer['phases']).reduce((sum, phase) => sum + number(phase['seconds']), 0);
  const skipped = fieldsOf(answer['skipped']);
  const state = answer['complete'] === true ? palette.good('Synced') : palette.warn('Synced in part');
  const lines = [
    `${state}  ${plural(number(answer['filesIndexed']), 'file')} of ${formatCount(number(answer['filesSeen']))} seen, ${text(answer['mode'])}, ${formatDuration(seconds * 1000)}`,
    `${formatCount(number(answer['symbols']))} symbols, ${formatBytes(number(answer['sourceBytes']))} of source, index ${formatBytes(number(answer['indexBytes']))}`,
    ...(skipped.length === 0
      ? []
      : [palette.dim(`skipped: ${skipped.map((each) => `${text(each['reason'])} ${number(each['count'])}`).join(', ')}`)]),
  ];
  return lines.join('\n');
}

/** What an analysis found, as its totals; a job that has not ended as it stands. */
export function renderAnalysis(answer: Fields, view: View): string {
  const { palette } = view;
  const { summary, changed } = answer;
  if (!Array.isArray(summary)) return renderSync(answer, view);
  const totals = fieldsOf(summary).map((each) => `${text(each['name'])} ${formatCount(number(each['value']))}`);
  const state = answer['complete'] === true ? palette.good('Analysed') : palette.warn('Analysed in part');
  const { newWorst, fixedWorst } = isFields(changed) ? changed : {};
  const since = `since the analysis before: complex places ${number(newWorst)} new or worse, ${number(fixedWorst)} better or gone`;
  return [`${state}  ${totals.join(', ')}`, ...(isFields(changed) ? [since] : []), palette.dim('all of it: polymnia repo analysis')].join('\n');
}

export function renderRepositories(answer: Fields, view: View): string {
  const rows = fieldsOf(answer['repositories']).map((each) => ({ ...(isFields(each['index']) ? each['index'] : {}), ...each }));
  if (rows.length === 0) return 'No repositories. Add one with: polymnia repo sync SOURCE';
  const { nextCursor } = answer;
  const table = renderRows(rows, ['id', 'name', 'state', 'files', 'symbols', 'publishedAt'], view);
  return typeof nextCursor === 'string' ? `${table}\n${view.palette.dim(`more: --cursor ${safeLine(nextCursor)}`)}` : table;
}

/** Names of repositories by id, when more than one answers. */
function namesOf(answer: Fields): ReadonlyMap<string, string> {
  return new Map(fieldsOf(answer['repositories']).map((each) => [text(each['id']), text(each['name'])]));
}

function place(names: ReadonlyMap<string, string>, repository: unknown, path: unknown): string {
  const name = names.size > 1 ? `${names.get(text(repository)) ?? text(repository)}: ` : '';
  return name + text(path);
}

/** Search results by file, each with its numbered lines and marked places. */
export function renderCodeResults(answer: Fields, view: View): string {
  const { palette } = view;
  const names = namesOf(answer);
  const files = fieldsOf(answer['results']).map((file) => {
    const matches = fieldsOf(file['matches']).map((match) => renderMatch(match, view));
    return `${palette.accent(place(names, file['repository'], file['path']))}  ${palette.dim(text(file['language']))}\n${matches.join('\n')}`;
  });
  return [files.length === 0 ? 'Nothing found.' : files.join('\n\n'), ...notesOf(answer, view)].join('\n\n');
}

function notesOf(answer: Fields, { palette }: View): readonly string[] {
  const { nextCursor, partial } = answer;
  return [
    ...(partial === true ? [palette.warn('Not everything could be searched; --json says why.')] : []),
    ...(typeof nextCursor === 'string' ? [palette.dim(`more: --cursor ${safeLine(nextCursor)}`)] : []),
  ];
}

function renderMatch(match: Fields, { palette }: View): string {
  const symbol = isFields(match['symbol']) ? palette.dim(`  in ${text(match['symbol']['kind'])} ${text(match['symbol']['name'])}\n`) : '';
  const snippet = isFields(match['snippet']) ? match['snippet'] : {};
  return symbol + numbered(typeof snippet['text'] === 'string' ? snippet['text'] : '', number(snippet['line']), palette);
}

function numbered(source: string, first: number, palette: Palette): string {
  const lines = safeBlock(source).split('\n');
  const width = String(first + lines.length - 1).length;
  return lines.map((line, at) => `  ${palette.dim(String(first + at).padStart(width))}  ${line}`).join('\n');
}

/** Definitions, one a line, and the files that use the name. */
export function renderSymbols(answer: Fields, view: View): string {
  const { palette } = view;
  const names = namesOf(answer);
  const definitions = fieldsOf(answer['definitions']).map((each) => {
    const where = `${place(names, each['repository'], each['path'])}:${number(each['line'])}`;
    return `${palette.accent(where)}  ${palette.dim(text(each['kind']))}  ${text(each['signature'])}`;
  });
  const references = fieldsOf(answer['references']).map(
    (each) => `${place(names, each['repository'], each['path'])}  ${number(each['count'])} ×  ${palette.dim(text(each['confidence']))}`,
  );
  const used = references.length === 0 ? [] : [`${palette.bold('used in')}\n${references.join('\n')}`];
  return [definitions.length === 0 ? 'No such definition.' : definitions.join('\n'), ...used, ...notesOf(answer, view)].join('\n\n');
}

/** The lines of a file, or its outline. */
export function renderCode(answer: Fields, view: View): string {
  if (typeof answer['text'] !== 'string') return renderValue(answer, view);
  const cut = answer['cut'] === true ? `\n${view.palette.warn('Cut here; go on with --from.')}` : '';
  return numbered(answer['text'].replace(/\n$/, ''), number(answer['from']), view.palette) + cut;
}
