import { identifierTerms } from '../index/identifier-terms.ts';
import type { Span } from './snippet.ts';

const WORD = /[\p{L}\p{N}\p{M}_]+/gu;
const MAX_SPANS = 200;

/** The words of a stretch of text that hold one of the terms. */
export function wordSpans(text: string, [from, to]: Span, terms: ReadonlySet<string>): Span[] {
  const spans: Span[] = [];
  const stretch = text.slice(from, to);
  for (const { 0: word, index } of stretch.matchAll(WORD)) {
    if (spans.length >= MAX_SPANS) break;
    if (word.length <= 80 && identifierTerms(word).some((term) => terms.has(term))) spans.push([from + index, from + index + word.length]);
  }
  return spans;
}
