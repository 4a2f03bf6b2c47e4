import { identifierTerms } from './identifier-terms.ts';
import { leadText } from './lead-text.ts';

/** What one chunk is searched by. */
export interface ChunkText {
  /** The chunk's lines. */
  readonly text: string;
  /** The definition whose chunk it is. */
  readonly symbol?: { readonly name: string; readonly kind: string; readonly container: string };
  /** Of the file, `/` between its parts. */
  readonly path: string;
  /** Id of `languages/`. */
  readonly language: string;
}

/** What a word counts besides its occurrences in the text. */
const NAME_WEIGHT = 4;
const CONTAINER_WEIGHT = 1;
const PATH_WEIGHT = 1;
/** The first paragraph of its documentation says what a thing is for. */
const LEAD_WEIGHT = 1;
/** Of one chunk at most so many different terms are kept, the first ones: generated tables would fill the index. */
const MAX_TERMS = 2_000;
/** A run of word characters longer than this is data, not a word. */
const MAX_WORD = 80;

/**
 * The search terms of a chunk with their weighted frequencies, all positive integers; the sum of the values is the chunk's
 * length for BM25. Identifiers give their parts, stemmed, and the whole in lower case without underscores. Pure and
 * deterministic, linear in the text's length, never throws. A changed output needs a new `INDEX_VERSION`.
 */
export function chunkTerms({ text, symbol, path }: ChunkText): ReadonlyMap<string, number> {
  const terms = new Map<string, number>();
  if (symbol !== undefined) {
    addWords(terms, symbol.name, NAME_WEIGHT);
    addWords(terms, symbol.container, CONTAINER_WEIGHT);
  }
  addWords(terms, pathEnd(path), PATH_WEIGHT);
  addWords(terms, leadText(text), LEAD_WEIGHT);
  addWords(terms, text, 1);
  return terms;
}

/** The file's name without its ending, and its folder's name: what lies further up is much the same for all. */
function pathEnd(path: string): string {
  const [file = '', folder = ''] = path.slice(-200).split('/').toReversed();
  return `${folder} ${file.replace(/\.\w{1,8}$/, '')}`;
}

function addWords(terms: Map<string, number>, text: string, weight: number): void {
  const end = text.length;
  let start = -1;
  for (let at = 0; at <= end; at += 1) {
    if (at < end && isWordCode(text.charCodeAt(at))) {
      if (start < 0) start = at;
    } else if (start >= 0) {
      if (at - start <= MAX_WORD) addWord(terms, text.slice(start, at), weight);
      start = -1;
    }
  }
}

function addWord(terms: Map<string, number>, word: string, weight: number): void {
  for (const term of identifierTerms(word)) {
    const known = terms.get(term);
    if (known !== undefined) terms.set(term, known + weight);
    else if (terms.size < MAX_TERMS) terms.set(term, weight);
  }
}

/** ASCII letters, digits, underscore; beyond ASCII all but what is surely no letter. */
function isWordCode(code: number): boolean {
  if (code < 128) return (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || (code >= 48 && code <= 57) || code === 95;
  return (
    code >= 0xc0 && code !== 0xd7 && code !== 0xf7 && !(code >= 0x2000 && code <= 0x2fff) && !(code >= 0x3000 && code <= 0x3004) && code !== 0xfeff
  );
}
