import { formatBytes, formatCount, formatDuration, formatRelative } from './human-values.ts';
import { formatTable } from './text-table.ts';
import { padEnd, type Palette, safeBlock, safeLine } from './terminal-text.ts';

/** How answers are shown to people. */
export interface View {
  readonly palette: Palette;
  readonly columns: number;
  /** UTC ms, for relative times. */
  readonly now: number;
}

type Fields = Readonly<Record<string, unknown>>;

const ISO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/;
/** Deepest nesting that is laid out; below it values are shown as JSON. */
const MAX_DEPTH = 4;
/** Fields of a list's items up to which it is shown as a table. */
const MAX_COLUMNS = 8;

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Any answer as text: fields as lines, lists of objects as tables, times relative. All text in it is made safe. */
export function renderValue(value: unknown, view: View, depth = 0): string {
  if (Array.isArray(value)) return renderList(value, view, depth);
  if (isFields(value)) return renderFields(value, view, depth);
  return safeBlock(scalarText('', value, view));
}

function renderFields(fields: Fields, view: View, depth: number): string {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  const isNested = (value: unknown): boolean => depth < MAX_DEPTH && (isFields(value) || (Array.isArray(value) && value.some(isFields)));
  const plain = entries.filter(([, value]) => !isNested(value));
  const width = Math.max(0, ...plain.map(([name]) => heading(name).length));
  const lines = plain.map(
    ([name, value]) => `${view.palette.dim(padEnd(heading(name), width))}  ${indentRest(safeBlock(scalarText(name, value, view)), width + 2)}`,
  );
  const nested = entries.filter(([, value]) => isNested(value)).map(([name, value]) => section(name, renderValue(value, view, depth + 1), view));
  return [...lines, ...nested].join('\n');
}

function section(name: string, body: string, view: View): string {
  return `${view.palette.bold(heading(name))}\n${body === '' ? '  none' : body.replaceAll(/^(?=.)/gm, '  ')}`;
}

function indentRest(text: string, by: number): string {
  return text.replaceAll('\n', `\n${' '.repeat(by)}`);
}

function renderList(items: readonly unknown[], view: View, depth: number): string {
  if (items.length === 0) return view.palette.dim('none');
  if (!items.every(isFields)) return items.map((item) => `· ${safeLine(scalarText('', item, view))}`).join('\n');
  const names = [...new Set(items.flatMap((item) => Object.keys(item)))];
  if (names.length > MAX_COLUMNS) return items.map((item) => renderFields(item, view, depth + 1)).join('\n\n');
  return renderRows(items, names, view, 2 * depth);
}

/** Some fields of many objects as a table; times are relative. */
export function renderRows(items: readonly Fields[], names: readonly string[], view: View, indent = 0): string {
  if (items.length === 0) return view.palette.dim('none');
  const cell = (name: string, value: unknown): string =>
    typeof value === 'string' && ISO_TIME.test(value) ? formatRelative(Date.parse(value), view.now) : scalarText(name, value, view);
  const rows = items.map((item) => names.map((name) => cell(name, item[name])));
  return formatTable(names.map(heading), rows, view.palette, Math.max(40, view.columns - indent));
}

/** `lastUsedAt` → `last used`; `freedBytes` → `freed`; `resetMs` → `reset`. */
function heading(name: string): string {
  const words = name.replaceAll(/[A-Z]/g, (capital) => ` ${capital.toLowerCase()}`).replaceAll('_', ' ');
  return safeLine(words.replace(/(?<=.) (?:at|bytes|ms)$/, ''));
}

/** One value as text that is not yet made safe. */
export function scalarText(name: string, value: unknown, view: View): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'number') return numberText(name, value);
  if (typeof value === 'string') return ISO_TIME.test(value) ? timeText(value, view) : value;
  if (Array.isArray(value) && value.length === 0) return 'none';
  if (Array.isArray(value) && !value.some((item) => typeof item === 'object')) return value.map(String).join(', ');
  return JSON.stringify(value) ?? '';
}

/** A number in the unit its field's name ends with. */
function numberText(name: string, value: number): string {
  if (/bytes$/i.test(name)) return formatBytes(value);
  if (name.endsWith('Ms') || name.endsWith('Retention')) return formatDuration(value);
  return Number.isInteger(value) ? formatCount(value) : String(Number(value.toPrecision(4)));
}

/** `3 hours ago (2026-05-01 09:30 UTC)`; the day alone says enough in most places. */
function timeText(iso: string, view: View): string {
  return `${formatRelative(Date.parse(iso), view.now)} (${iso.slice(0, 16).replace('T', ' ')})`;
}
