/**
 * BM25 (Robertson and Zaragoza, 2009). Chunks differ much in length and say the same thing in few words, hence a strong `b`; weighted
 * frequencies are larger than plain ones, hence a larger `k1`.
 */
const K1 = 1.5;
const B = 0.9;

/** Statistics over all live chunks, whichever segments they lie in: so an index made in steps ranks as one made at once. */
export interface Corpus {
  readonly chunks: number;
  /** Sum of the chunks' lengths. */
  readonly terms: number;
}

/** What a term says that `count` live chunks hold; above 0. */
export function idf({ chunks }: Corpus, count: number): number {
  return Math.log(1 + (chunks - count + 0.5) / (count + 0.5));
}

/** The part of a term's score that grows with its frequency and falls with the chunk's length: below `K1 + 1`. */
export function saturation(corpus: Corpus): (frequency: number, length: number) => number {
  const average = Math.max(1, corpus.terms / Math.max(1, corpus.chunks));
  const base = K1 * (1 - B);
  const slope = (K1 * B) / average;
  return (frequency, length) => (frequency * (K1 + 1)) / (frequency + base + slope * length);
}
