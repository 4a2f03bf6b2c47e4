/**
 * Suffix stripping for English: M. F. Porter, "An algorithm for suffix stripping", Program 14(3), 1980,
 * with the two corrections its author published later (step 2: BLI → BLE in place of ABLI → ABLE, and LOGI → LOG)
 * and words of one or two letters left alone.
 */

type Rule = readonly [suffix: string, replacement: string];

const STEP_2 = rulesByPenultimate([
  ['ational', 'ate'],
  ['tional', 'tion'],
  ['enci', 'ence'],
  ['anci', 'ance'],
  ['izer', 'ize'],
  ['bli', 'ble'],
  ['alli', 'al'],
  ['entli', 'ent'],
  ['eli', 'e'],
  ['ousli', 'ous'],
  ['ization', 'ize'],
  ['ation', 'ate'],
  ['ator', 'ate'],
  ['alism', 'al'],
  ['iveness', 'ive'],
  ['fulness', 'ful'],
  ['ousness', 'ous'],
  ['aliti', 'al'],
  ['iviti', 'ive'],
  ['biliti', 'ble'],
  ['logi', 'log'],
]);

const STEP_3 = rulesByPenultimate([
  ['icate', 'ic'],
  ['ative', ''],
  ['alize', 'al'],
  ['iciti', 'ic'],
  ['ical', 'ic'],
  ['ful', ''],
  ['ness', ''],
]);

const STEP_4 = rulesByPenultimate(
  'ement ment ent ance ence able ible ant al er ic ion ou ism ate iti ous ive ize'.split(' ').map((suffix): Rule => [suffix, '']),
);

/** The stem of a word made of the letters a–z only; anything else gives a meaningless but harmless result. Linear in the word's length. */
export function stemEnglish(word: string): string {
  if (word.length < 3) return word;
  let stem = stripPlural(word);
  stem = stripPast(stem);
  if (stem.endsWith('y') && hasVowel(stem, stem.length - 1)) stem = `${stem.slice(0, -1)}i`;
  stem = applyRules(stem, STEP_2, 0);
  stem = applyRules(stem, STEP_3, 0);
  stem = applyRules(stem, STEP_4, 1);
  return tidyEnd(stem);
}

/** The letter before the last tells nearly all suffixes of a step apart, so that few are compared. Earlier rules win: longer ones stand first. */
function rulesByPenultimate(rules: readonly Rule[]): ReadonlyMap<string, readonly Rule[]> {
  return Map.groupBy(rules, ([suffix]) => suffix.charAt(suffix.length - 2));
}

function stripPlural(word: string): string {
  if (!word.endsWith('s')) return word;
  if (word.endsWith('sses') || word.endsWith('ies')) return word.slice(0, -2);
  return word.endsWith('ss') ? word : word.slice(0, -1);
}

function stripPast(word: string): string {
  if (word.endsWith('eed')) return measure(word, word.length - 3) > 0 ? word.slice(0, -1) : word;
  const cut = word.endsWith('ed') ? 2 : word.endsWith('ing') ? 3 : 0;
  if (cut === 0 || !hasVowel(word, word.length - cut)) return word;
  const stem = word.slice(0, -cut);
  if (stem.endsWith('at') || stem.endsWith('bl') || stem.endsWith('iz')) return `${stem}e`;
  if (endsInDoubleConsonant(stem)) return /[lsz]$/.test(stem) ? stem : stem.slice(0, -1);
  return measure(stem, stem.length) === 1 && endsInShortSyllable(stem, stem.length) ? `${stem}e` : stem;
}

/** Only the longest matching suffix counts: when its condition fails, no shorter one is tried. */
function applyRules(word: string, rules: ReadonlyMap<string, readonly Rule[]>, minMeasure: number): string {
  for (const [suffix, replacement] of rules.get(word.charAt(word.length - 2)) ?? []) {
    if (!word.endsWith(suffix)) continue;
    const end = word.length - suffix.length;
    if (suffix === 'ion' && !/[st]/.test(word.charAt(end - 1))) return word;
    return measure(word, end) > minMeasure ? word.slice(0, end) + replacement : word;
  }
  return word;
}

function tidyEnd(word: string): string {
  let stem = word;
  if (stem.endsWith('e')) {
    const end = stem.length - 1;
    const size = measure(stem, end);
    if (size > 1 || (size === 1 && !endsInShortSyllable(stem, end))) stem = stem.slice(0, end);
  }
  return stem.endsWith('ll') && measure(stem, stem.length) > 1 ? stem.slice(0, -1) : stem;
}

/** Is the letter at `at` a vowel, given whether the one before it was? `y` is a vowel after a consonant. */
function isVowel(word: string, at: number, afterVowel: boolean): boolean {
  switch (word.charCodeAt(at)) {
    case 97: // a
    case 101: // e
    case 105: // i
    case 111: // o
    case 117: // u
      return true;
    case 121: // y
      return at > 0 && !afterVowel;
    default:
      return false;
  }
}

/** Porter's m: how many times a run of vowels is followed by a run of consonants in the first `end` letters. */
function measure(word: string, end: number): number {
  let count = 0;
  let vowel = false;
  for (let at = 0; at < end; at += 1) {
    const next = isVowel(word, at, vowel);
    if (vowel && !next) count += 1;
    vowel = next;
  }
  return count;
}

function hasVowel(word: string, end: number): boolean {
  let vowel = false;
  for (let at = 0; at < end && !vowel; at += 1) vowel = isVowel(word, at, vowel);
  return vowel;
}

function endsInDoubleConsonant(word: string): boolean {
  const last = word.length - 1;
  return last > 0 && word[last] === word[last - 1] && !vowelAt(word, last);
}

/** Porter's *o: consonant, vowel, consonant other than w, x, y at the end of the first `end` letters. */
function endsInShortSyllable(word: string, end: number): boolean {
  const last = end - 1;
  return last >= 2 && !vowelAt(word, last) && vowelAt(word, last - 1) && !vowelAt(word, last - 2) && !'wxy'.includes(word.charAt(last));
}

function vowelAt(word: string, at: number): boolean {
  let vowel = false;
  // Whether a y is a vowel depends only on the unbroken run of y before it, so look back no further than that run.
  let start = at;
  while (start > 0 && word.charCodeAt(start) === 121) start -= 1;
  for (let index = start; index <= at; index += 1) vowel = isVowel(word, index, vowel);
  return vowel;
}
