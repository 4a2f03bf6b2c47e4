import { stemEnglish } from './porter-stemmer.ts';

/**
 * The one way text becomes search terms, for what is stored and for what is asked. Full text indexes the output of
 * {@link tokenise}, so a changed output needs a new {@link TOKENISER_VERSION} and a rebuilt index.
 *
 * - Text is NFKC-normalised, lower-cased, Latin letters lose their diacritics; English words are stemmed, a
 *   possessive `'s` and short verb forms (`'re`, `'ll` …) are dropped.
 * - A compound (`getUserById`, `get_user_by_id`, `kebab-case`, `src/main.ts`, `2023-05-08`, `ann@example.org`)
 *   gives the whole, joined, and its parts, so that every spelling of one name meets.
 * - Scripts written without spaces (Han, kana, Hangul, Thai, Lao, Khmer, Burmese) give overlapping pairs and the
 *   run's last character; a single character is then found as a prefix (see {@link matchExpression}).
 * - Emoji, symbols, punctuation, control characters and lone surrogates separate and are not indexed.
 */
export const TOKENISER_VERSION = 1;

/** UTF-16 units of a text that are looked at; content is limited to 64 KB of UTF-8 before it comes here. */
const MAX_TEXT = 65_536;
/** UTF-16 units of a question that are looked at. */
const MAX_QUERY = 8_192;
const MAX_QUERY_TERMS = 32;
/** Longest token in UTF-16 units. */
const MAX_TOKEN = 64;
const MAX_PARTS = 12;

const WORD = String.raw`[\p{L}\p{N}\p{M}]+`;
/** Words held together by single connectors. Connectors are no word characters, so the match never goes back. */
const COMPOUND = new RegExp(`${WORD}(?:[-._@/:+#'’]${WORD})*`, 'gu');
const ASCII_COMPOUND = /[a-z0-9]+(?:[-._@/:+#'][a-z0-9]+)*/gi;
const CONNECTOR = /[-._@/:+#'’]/;
/** Characters that are invisible inside a word: soft hyphen, joiners, byte order mark, variation selectors. */
const INVISIBLE = /\p{Variation_Selector}|\u00ad|\u200c|\u200d|\u2060|\ufeff/gu;
const ASCII_ONLY = /^[\0-\x7f]*$/;
const ENGLISH = /^[a-z]+$/;
const SOLID = /^[a-z]+$|^[A-Z]?[a-z]+$|^[0-9]+$/;
const ASCII_PARTS = /[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+/g;
const PARTS = /\p{Lu}+(?!\p{Ll})|\p{Lu}?[\p{Ll}\p{M}]+|\p{N}+|[^\p{Lu}\p{Ll}\p{N}]+/gu;
const CONTRACTION = /['’](?:s|m|re|ve|ll|d)(?![\p{L}\p{N}\p{M}])/giu;
const NEGATION = /n['’]t(?![\p{L}\p{N}\p{M}])/giu;
const SPACELESS_CLASS = String.raw`[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}ー]`;
const SPACELESS = new RegExp(SPACELESS_CLASS, 'u');
const SPACELESS_RUN = new RegExp(`${SPACELESS_CLASS}(?:${SPACELESS_CLASS}|\\p{M})*`, 'gu');
const SPACELESS_SINGLE = new RegExp(`^${SPACELESS_CLASS}$`, 'u');
const LATIN_MARKS = /(\p{Script=Latin})\p{M}+/gu;
const HAS_LETTER = /[\p{L}\p{N}]/u;

/** Latin letters that Unicode does not take apart into a base letter and a mark. */
const FOLDED_LETTERS: Readonly<Record<string, string>> = { ß: 'ss', æ: 'ae', œ: 'oe', ø: 'o', ł: 'l', đ: 'd', ð: 'd', þ: 'th', ħ: 'h', ı: 'i' };
const FOLDED_LETTER = /[ßæœøłđðþħı]/g;

/** English words that say nothing about what is sought, as they look after folding and before stemming. */
const STOP_WORDS: ReadonlySet<string> = new Set(
  (
    'a an the this that these those and or but nor so yet if then than as of at by for from in into on onto to with within without about ' +
    'over under again between through during before after above below up down out off further once here there all any both each few more most ' +
    'other some such no not only own same too very i me my mine myself we us our ours ourselves you your yours yourself yourselves he him his ' +
    'himself she her hers herself it its itself they them their theirs themselves am is are was were be been being have has had having do does ' +
    'did doing done would could should might must can will shall may ought who whom whose which what when where why how dont didnt doesnt isnt ' +
    'arent wasnt werent wont wouldnt couldnt shouldnt cant cannot hasnt havent hadnt aint lets us im ive id ill youre theyre hes shes thats ' +
    'because while until also just ever please tell'
  ).split(' '),
);

/**
 * Search terms of a text, in order, repeats kept (their number matters for ranking). Pure and deterministic, linear
 * in the text's length, never throws. Looks at the first 64 Ki UTF-16 units. A term is at most 64 UTF-16 units
 * long and holds only a–z, 0–9 and non-ASCII letters, digits and marks, so terms joined by spaces come out of
 * FTS5's `ascii` tokeniser unchanged.
 */
export function tokenise(text: string): string[] {
  return surfaceWords(text.slice(0, MAX_TEXT), true).map(toTerm);
}

/**
 * Distinct search terms of a question, stop words left out unless nothing else is there. At most 32: of more, those
 * that look rarest (longest, or with digits, or in another script) are kept, in their order. Looks at the first 8 Ki units.
 */
export function queryTerms(text: string): string[] {
  const words = surfaceWords(text.slice(0, MAX_QUERY), false);
  const telling = words.filter((word) => !STOP_WORDS.has(word));
  const terms = [...new Set((telling.length > 0 ? telling : words).map(toTerm))];
  if (terms.length <= MAX_QUERY_TERMS) return terms;
  const kept = new Set(terms.toSorted((a, b) => rarity(b) - rarity(a)).slice(0, MAX_QUERY_TERMS));
  return terms.filter((term) => kept.has(term));
}

/**
 * The FTS5 query that finds rows holding any of the terms; the empty string for no terms, which no caller may pass
 * to MATCH. Every term is a quoted string with its quotes doubled and NUL removed, so no operator, column filter or syntax
 * error can come out of any input. A single character of a script without spaces matches as a prefix.
 */
export function matchExpression(terms: readonly string[]): string {
  return terms.map((term) => `"${term.replaceAll('\0', '').replaceAll('"', '""')}"${SPACELESS_SINGLE.test(term) ? '*' : ''}`).join(' OR ');
}

function rarity(term: string): number {
  if (!ASCII_ONLY.test(term)) return 6 + term.length;
  return term.length + (/[0-9]/.test(term) ? 3 : 0);
}

function toTerm(word: string): string {
  return ENGLISH.test(word) ? stemEnglish(word) : word;
}

/** The folded words of a text, not stemmed. `indexing` adds the last character of spaceless runs. */
function surfaceWords(raw: string, indexing: boolean): string[] {
  const words: string[] = [];
  const ascii = ASCII_ONLY.test(raw);
  const text = ascii ? raw : raw.normalize('NFKC').replace(INVISIBLE, '');
  for (const [compound] of text.matchAll(ascii ? ASCII_COMPOUND : COMPOUND)) {
    if (SOLID.test(compound)) addWord(words, compound.toLowerCase());
    else addCompound(words, compound, indexing);
  }
  return words;
}

function addCompound(words: string[], compound: string, indexing: boolean): void {
  const apart = compound.includes("'") || compound.includes('’') ? compound.replace(NEGATION, 'nt').replace(CONTRACTION, '') : compound;
  const pieces = apart.split(CONNECTOR).filter((piece) => piece !== '');
  if (pieces.length > 1 && apart.length <= MAX_TOKEN && !SPACELESS.test(apart)) addWord(words, fold(pieces.join('')));
  for (const piece of pieces) addPiece(words, piece, indexing);
}

function addPiece(words: string[], piece: string, indexing: boolean): void {
  if (!ASCII_ONLY.test(piece) && SPACELESS.test(piece)) {
    let at = 0;
    for (const match of piece.matchAll(SPACELESS_RUN)) {
      addIdentifier(words, piece.slice(at, match.index));
      addPairs(words, fold(match[0]), indexing);
      at = match.index + match[0].length;
    }
    addIdentifier(words, piece.slice(at));
  } else addIdentifier(words, piece);
}

function addIdentifier(words: string[], piece: string): void {
  addWord(words, fold(piece));
  if (piece.length > MAX_TOKEN || SOLID.test(piece)) return;
  const parts = piece.match(ASCII_ONLY.test(piece) ? ASCII_PARTS : PARTS) ?? [];
  // Names are made of words; hashes and encoded bytes change case and digit at nearly every character.
  if (parts.length < 2 || parts.length > MAX_PARTS || piece.length < 2.5 * parts.length) return;
  for (const part of parts) if (part.length > 1 || /\p{N}/u.test(part)) addWord(words, fold(part));
}

function addPairs(words: string[], run: string, indexing: boolean): void {
  const characters = Array.from(run);
  for (let at = 0; at + 1 < characters.length; at += 1) addWord(words, `${characters[at]}${characters[at + 1]}`);
  const last = characters.at(-1);
  if (last !== undefined && (indexing || characters.length === 1)) addWord(words, last);
}

function addWord(words: string[], word: string): void {
  if (word.length > MAX_TOKEN) words.push(shorten(word));
  else if (ASCII_ONLY.test(word) ? word !== '' : HAS_LETTER.test(word)) words.push(word);
}

/** Lower case, Latin letters without their marks, NFKC. */
function fold(text: string): string {
  const lower = text.toLowerCase();
  if (ASCII_ONLY.test(lower)) return lower;
  const bare = lower.normalize('NFD').replace(LATIN_MARKS, '$1').replace(FOLDED_LETTER, foldLetter);
  return bare.normalize('NFKC');
}

function foldLetter(letter: string): string {
  return FOLDED_LETTERS[letter] ?? letter;
}

/** The head of a long token and 32 bits of FNV-1a over all of it, so that long names that begin alike stay apart. */
function shorten(word: string): string {
  let hash = 0x811c9dc5;
  for (let at = 0; at < word.length; at += 1) hash = Math.imul(hash ^ word.charCodeAt(at), 0x01000193);
  const head = word
    .slice(0, 48)
    .toWellFormed()
    .replace(/\ufffd$/, '');
  return head + (hash >>> 0).toString(36);
}
