import { stemWord } from './stem-word.ts';

/** Bounded: identifiers repeat so much that nearly all splitting is done once. Cleared when full. */
const MAX_CACHED = 50_000;
const cache = new Map<string, readonly string[]>();

const SOLID = /^[a-z]+$|^[A-Z]?[a-z]+$|^[A-Z]+$/;
const ASCII_PARTS = /[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+/g;
const PARTS = /\p{Lu}+(?!\p{Ll})|\p{Lu}?[\p{Ll}\p{M}]+|\p{N}+|[\p{Lo}\p{Lm}\p{Lt}\p{M}]+/gu;
const ASCII_ONLY = /^[\0-\x7f]*$/;
const SPACELESS = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}]/u;
/** Digits beyond this are data. */
const MAX_DIGITS = 8;

/**
 * The terms of one word of source text: its parts at camel, snake and digit borders, stemmed, and, when it has several, the whole
 * in lower case without underscores, so that every spelling of a name meets. Single ASCII letters and long numbers give none.
 */
export function identifierTerms(word: string): readonly string[] {
  const known = cache.get(word);
  if (known !== undefined) return known;
  const kept = ownCopy(word);
  const terms = split(kept);
  if (cache.size >= MAX_CACHED) cache.clear();
  cache.set(kept, terms);
  return terms;
}

/** A word cut out of a text would keep the whole text in memory. */
function ownCopy(word: string): string {
  return word.length < 13 ? word : Buffer.from(word, 'utf16le').toString('utf16le');
}

function split(word: string): readonly string[] {
  if (SOLID.test(word)) return word.length < 2 ? [] : [stemWord(word.toLowerCase())];
  if (!ASCII_ONLY.test(word)) return splitUnicode(word.normalize('NFKC'));
  const parts = word.match(ASCII_PARTS) ?? [];
  return withWhole(parts);
}

function splitUnicode(word: string): readonly string[] {
  const parts = (word.match(PARTS) ?? []).flatMap((part) => (SPACELESS.test(part) ? pairs(part) : [part]));
  return SPACELESS.test(word) ? parts.filter(isTelling).map((part) => part.toLowerCase()) : withWhole(parts);
}

/** Overlapping pairs of characters, for scripts written without spaces. */
function pairs(part: string): string[] {
  const characters = Array.from(part);
  if (characters.length < 3) return [part];
  return characters.slice(1).map((character, at) => `${characters[at] ?? ''}${character}`);
}

function withWhole(parts: readonly string[]): readonly string[] {
  const terms = parts.filter(isTelling).map((part) => stemWord(part.toLowerCase()));
  if (parts.length > 1) {
    const whole = parts.join('').toLowerCase();
    if (whole.length > 2 && !/^[0-9]+$/.test(whole)) terms.push(whole);
  }
  return terms;
}

function isTelling(part: string): boolean {
  const code = part.charCodeAt(0);
  if (code >= 48 && code <= 57) return part.length <= MAX_DIGITS;
  return part.length > 1 || code > 127;
}
