/**
 * What may control a terminal or reorder what is read: C0, DEL and C1 controls, bidirectional marks and overrides, line and
 * paragraph separators, lone surrogates. Line feed and tab are handled by the callers.
 */
const DANGEROUS = /[\p{Cc}\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]|\p{Cs}/gu;

const SHORT_FORMS: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\u001b': '\\e' };

function visible(character: string): string {
  return SHORT_FORMS[character] ?? `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}

/** Text from outside on one line: runs of white space become one blank, whatever could control the terminal becomes visible. */
export function safeLine(text: string): string {
  return text
    .replaceAll(/[ \t\r\n]+/g, ' ')
    .trim()
    .replaceAll(DANGEROUS, visible);
}

/** Text from outside with its line ends kept; tabs become four blanks, whatever could control the terminal becomes visible. */
export function safeBlock(text: string): string {
  return text
    .replaceAll('\r\n', '\n')
    .replaceAll('\t', '    ')
    .replaceAll(DANGEROUS, (character) => (character === '\n' ? '\n' : visible(character)));
}

/** JSON text that means the same and cannot control a terminal: JSON's own writer leaves DEL, C1 and bidirectional marks as they are. */
export function safeJson(json: string): string {
  return json.replaceAll(DANGEROUS, (character) => (character === '\n' ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`));
}

/** Colours by what they mean; without colours each returns its text unchanged. */
export interface Palette {
  readonly isOn: boolean;
  bold(text: string): string;
  dim(text: string): string;
  good(text: string): string;
  bad(text: string): string;
  warn(text: string): string;
  accent(text: string): string;
}

const SGR = { bold: [1, 22], dim: [2, 22], good: [32, 39], bad: [31, 39], warn: [33, 39], accent: [36, 39] } as const;

/** The palette of a stream. `NO_COLOR` set to anything wins (no-color.org); so does `TERM=dumb`. */
export function createPalette(isTty: boolean, env: Readonly<Record<string, string | undefined>>): Palette {
  const isOn = isTty && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';
  const paint = (name: keyof typeof SGR) => (text: string) => (isOn && text !== '' ? `\u001b[${SGR[name][0]}m${text}\u001b[${SGR[name][1]}m` : text);
  return { isOn, bold: paint('bold'), dim: paint('dim'), good: paint('good'), bad: paint('bad'), warn: paint('warn'), accent: paint('accent') };
}

const GRAPHEMES = new Intl.Segmenter('en', { granularity: 'grapheme' });
const PLAIN = /^[\x20-\x7e]*$/;
/** East Asian wide and full-width ranges (Unicode Standard Annex 11, shortened) and emoji shown as pictures. */
const WIDE =
  /^(?:[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}|\p{Emoji}\ufe0f)/u;
const NO_WIDTH = /^[\p{Mn}\p{Me}\p{Cf}]+$/u;

/** Columns a text without control characters takes in a terminal. */
export function displayWidth(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let width = 0;
  for (const { segment } of GRAPHEMES.segment(text)) width += widthOf(segment);
  return width;
}

function widthOf(grapheme: string): number {
  if (NO_WIDTH.test(grapheme)) return 0;
  return WIDE.test(grapheme) ? 2 : 1;
}

/** At most `width` columns of the text, the last one an ellipsis if it was cut. Never cuts inside a character. */
export function clip(text: string, width: number): string {
  if (text.length <= width && PLAIN.test(text)) return text;
  let cut = '';
  let used = 0;
  for (const { segment } of GRAPHEMES.segment(text)) {
    const next = used + widthOf(segment);
    if (next > width - 1) return displayWidth(text) <= width ? text : `${cut}…`;
    cut += segment;
    used = next;
  }
  return cut;
}

/** Pads on the right to `width` columns. */
export function padEnd(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - displayWidth(text)));
}
