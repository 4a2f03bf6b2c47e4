/** Control characters but tab and line feed, and those that reorder or hide what is shown (bidirectional controls, line separators). */
// oxlint-disable-next-line eslint/no-control-regex
const UNSAFE = /[\0-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\u061c]/g;

/** Text of a repository made safe to show: every unsafe character becomes U+FFFD, one for one, so that offsets hold. */
export function plainText(text: string): string {
  return text.toWellFormed().replace(UNSAFE, '\ufffd');
}

/** As {@link plainText}, on one line. */
export function plainLine(text: string): string {
  return plainText(text).replace(/[\t\n]/g, '\ufffd');
}
