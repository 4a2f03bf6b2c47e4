const ENGLISH = /^[a-z]{4,}$/;
const VOWEL = /[aeiouy]/;
const DOUBLED = /([bdfgmnprt])\1$/;

/**
 * A light stem of a lower-case word: plural, `-ing`, `-ed` and a last `e` go, `y` becomes `i`. Lighter than Porter's on purpose: names in
 * code are told apart by their endings (`iterator`, `iterable`). Words of fewer than four letters, or with others than a–z, stay.
 */
export function stemWord(word: string): string {
  if (!ENGLISH.test(word)) return word;
  const stem = withoutEnding(singular(word));
  if (stem.length < 4) return stem;
  if (stem.endsWith('e')) return stem.slice(0, -1);
  return stem.endsWith('y') ? `${stem.slice(0, -1)}i` : stem;
}

function singular(word: string): string {
  if (!word.endsWith('s') || /(?:ss|us|is)$/.test(word)) return word;
  if (word.endsWith('ies') && word.length > 4) return `${word.slice(0, -3)}y`;
  return /(?:sses|xes|ches|shes|zes)$/.test(word) ? word.slice(0, -2) : word.slice(0, -1);
}

function withoutEnding(word: string): string {
  const cut = word.endsWith('ing') && word.length > 5 ? 3 : word.endsWith('ed') && word.length > 4 ? 2 : 0;
  const stem = word.slice(0, word.length - cut);
  if (cut === 0 || !VOWEL.test(stem)) return word;
  return DOUBLED.test(stem) ? stem.slice(0, -1) : stem;
}
