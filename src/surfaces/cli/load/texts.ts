const ONSETS = ['b', 'c', 'd', 'f', 'g', 'h', 'k', 'l', 'm', 'n', 'p', 'r', 's', 't', 'v', 'w', 'br', 'ch', 'dr', 'gr', 'pl', 'sh', 'st', 'tr'];
const VOWELS = ['a', 'e', 'i', 'o', 'u', 'ea', 'ou'];
const ENDS = ['', 'n', 'r', 's', 't', 'l', 'm', 'nd', 'st', 'ck'];
const VOCABULARY = 8000;
const MEMORY_WORDS = { min: 12, max: 34 };
const QUERY_WORDS = { min: 3, max: 7 };

/** Made-up but lifelike English-like texts. Each call gives another one. */
export interface TextSource {
  /** A memory: one or two sentences, 12 to 34 words. */
  memory(): string;
  /** A question: 3 to 7 words. */
  query(): string;
}

/**
 * Texts over a vocabulary of 8,000 made-up words whose frequencies follow Zipf's law, as those of languages do: a few words
 * in nearly every text, most in very few. That decides what a full-text search costs. Repeatable from the numbers given.
 */
export function createTextSource(random: () => number, vocabulary = createVocabulary(random)): TextSource {
  const cumulative = zipf(vocabulary.length);
  const word = (): string => vocabulary[indexOf(cumulative, random())] ?? '';
  const phrase = ({ min, max }: typeof MEMORY_WORDS): string => Array.from({ length: min + Math.floor(random() * (max - min + 1)) }, word).join(' ');
  return {
    memory() {
      const text = phrase(MEMORY_WORDS);
      return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
    },
    query: () => phrase(QUERY_WORDS),
  };
}

/** Distinct words, most frequent first, shorter ones in front. */
export function createVocabulary(random: () => number, size = VOCABULARY): readonly string[] {
  const words = new Set<string>();
  const pick = (from: readonly string[]): string => from[Math.floor(random() * from.length)] ?? '';
  while (words.size < size) {
    const syllables = 1 + Math.floor((words.size / size) * 2 + random());
    words.add(Array.from({ length: syllables }, () => pick(ONSETS) + pick(VOWELS)).join('') + pick(ENDS));
  }
  return [...words];
}

function zipf(size: number): Float64Array {
  const cumulative = new Float64Array(size);
  let sum = 0;
  for (let rank = 1; rank <= size; rank++) cumulative[rank - 1] = sum += 1 / rank;
  return cumulative.map((value) => value / sum);
}

function indexOf(cumulative: Float64Array, value: number): number {
  let low = 0;
  let high = cumulative.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((cumulative[middle] ?? 1) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
