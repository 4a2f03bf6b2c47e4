/**
 * What signatures hold again and again is kept as one control character each, and the symbol's own name as the first of them: on C
 * and Python about a third less. SQLite itself unfolds it, so that readers see whole signatures.
 */
const OFTEN = [
  'unsigned ',
  'function ',
  'readonly ',
  'undefined',
  '#define ',
  'private ',
  '(self, ',
  'boolean',
  'static ',
  'struct ',
  'inline ',
  'export ',
  'string',
  'number',
  'public ',
  'return ',
  'const ',
  '(void)',
  'class ',
  'async ',
  'char *',
  'void ',
  '(self',
  'def ',
  'int ',
  ' = ',
] as const;

/** Control characters that no line of text keeps once its white space is folded. */
const CODES = [1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30] as const;
const [NAME, ...WORDS] = CODES.map((code) => String.fromCharCode(code));
const CONTROL = /\p{Cc}/gu;
const CODE_OF: ReadonlyMap<string, string> = new Map(OFTEN.map((word, at) => [word, WORDS[at] ?? word]));
const ANY_WORD = new RegExp(OFTEN.map((word) => RegExp.escape(word)).join('|'), 'g');

/** The short form of a signature. Control characters in it are lost. */
export function shortSignature(signature: string, name: string): string {
  const clean = signature.replaceAll(CONTROL, '');
  const named = name === '' || NAME === undefined ? clean : clean.replaceAll(name, NAME);
  return named.replaceAll(ANY_WORD, (word) => CODE_OF.get(word) ?? word);
}

/** SQL that makes a signature of column `short` of a table that has `name`. */
export const WHOLE_SIGNATURE = `replace(${OFTEN.reduce((sql, word, at) => `replace(${sql}, char(${CODES[at + 1]}), '${word}')`, 'short')}, char(${CODES[0]}), name)`;
