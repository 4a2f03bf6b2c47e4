import { identifierTerms } from '../index/identifier-terms.ts';
import { relatedWords } from './related-words.ts';

/** A term to look for, and what its score counts. */
export interface WeightedTerm {
  readonly term: string;
  readonly weight: number;
}

/** A question, as it is looked up. */
export interface WordsQuery {
  /** Terms of the words themselves, then of their relatives; each once. */
  readonly terms: readonly WeightedTerm[];
  /** Terms whose presence makes a match complete. */
  readonly needed: ReadonlySet<string>;
  /** Names that definitions may have, lower case, with the factor for having it. */
  readonly names: ReadonlyMap<string, NameStrength>;
  /** Languages the question names, as they are called there. */
  readonly languages: readonly string[];
  /** File names or paths it holds. */
  readonly paths: readonly string[];
}

/** `symbol`: the question is this name; `definition`: it holds this name; `phrase`: some of its words in a row are this name. */
export type NameStrength = 'symbol' | 'definition' | 'phrase';

const MAX_QUERY = 1_000;
const MAX_WORDS = 24;
const MAX_PHRASE = 4;

/** Words of questions that say little about code. They are not left out: `if`, `in` and `from` mean something in it. */
const QUESTION_WORDS = new Set(
  'how what which why when where to do does did is are can could should i you we an a the my your way use using'.split(' '),
);
const QUESTION_WEIGHT = 0.3;
const RELATED_WEIGHT = 0.2;

/** What languages are called in questions. A question's language says where to look, not what for. */
const LANGUAGE_NAMES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    python: 'python',
    python2: 'python',
    python3: 'python',
    javascript: 'javascript',
    js: 'javascript',
    ts: 'typescript',
    py: 'python',
    typescript: 'typescript',
    golang: 'go',
    rust: 'rust',
    java: 'java',
    'c++': 'cpp',
    cpp: 'cpp',
    'c#': 'csharp',
    csharp: 'csharp',
    ruby: 'ruby',
    php: 'php',
    bash: 'bash',
    html: 'html',
    css: 'css',
  }),
);

/** Ids of the languages that are called so. */
export function languagesNamed(name: string): readonly string[] {
  const key = name.toLowerCase();
  const id = LANGUAGE_NAMES.get(key) ?? key;
  return id === 'typescript' ? [id, 'tsx'] : [id];
}

/** Reads a question in words or identifiers. */
export function parseWordsQuery(text: string): WordsQuery {
  const raw = text.slice(0, MAX_QUERY).match(/[\p{L}\p{N}\p{M}_$#+./-]+/gu) ?? [];
  const paths = raw.filter((word) => /[\w-]\.[A-Za-z]\w{0,7}$|\w\/\w/.test(word));
  const words = raw.flatMap(wordsOf).slice(0, MAX_WORDS);
  const languages = words.flatMap((word) => LANGUAGE_NAMES.get(word.toLowerCase()) ?? []);
  const telling = words.filter((word) => !LANGUAGE_NAMES.has(word.toLowerCase()));
  const used = telling.length > 0 ? telling : words;
  const { terms, needed } = termsOf(used);
  return { terms, needed, names: namesOf(used), languages: [...new Set(languages)], paths };
}

function wordsOf(raw: string): string[] {
  if (LANGUAGE_NAMES.has(raw.toLowerCase())) return [raw];
  return raw.match(/[\p{L}\p{N}\p{M}_$]+/gu) ?? [];
}

function termsOf(words: readonly string[]): Pick<WordsQuery, 'terms' | 'needed'> {
  const weights = new Map<string, number>();
  const needed = new Set<string>();
  const put = (term: string, weight: number): void => void weights.set(term, Math.max(weight, weights.get(term) ?? 0));
  for (const word of words) {
    const isQuestion = QUESTION_WORDS.has(word.toLowerCase()) && words.length > 1;
    for (const term of identifierTerms(word)) {
      put(term, isQuestion ? QUESTION_WEIGHT : 1);
      if (!isQuestion) needed.add(term);
    }
  }
  for (const word of words) {
    for (const related of relatedWords(word.toLowerCase())) {
      for (const term of identifierTerms(related)) if (!weights.has(term)) weights.set(term, RELATED_WEIGHT);
    }
  }
  return { terms: [...weights].map(([term, weight]) => ({ term, weight })), needed };
}

/** Two to four words in a row, as parts in lower case. */
function phrasesOf(words: readonly string[]): string[][] {
  const parts = words.map((word) => word.toLowerCase().replaceAll(/[_$]/g, ''));
  const phrases: string[][] = [];
  for (let size = 2; size <= MAX_PHRASE; size += 1) {
    for (let at = 0; at + size <= parts.length; at += 1) phrases.push(parts.slice(at, at + size));
  }
  return phrases;
}

function namesOf(words: readonly string[]): ReadonlyMap<string, NameStrength> {
  const names = new Map<string, NameStrength>();
  const telling = words.filter((word) => !QUESTION_WORDS.has(word.toLowerCase()));
  for (const phrase of phrasesOf(telling)) {
    const strength = phrase.length === telling.length ? 'symbol' : 'phrase';
    for (const key of [phrase.join('_'), phrase.join('')]) names.set(key, strength);
  }
  for (const word of words) {
    const isAll = words.length === 1 || (telling.length === 1 && telling[0] === word);
    if (isAll) names.set(word.toLowerCase(), 'symbol');
    else if (looksLikeName(word)) names.set(word.toLowerCase(), 'definition');
  }
  return names;
}

/** Has it the form of an identifier rather than of a word? */
function looksLikeName(word: string): boolean {
  return /[a-z0-9][A-Z]|[^_]_[^_]|^_+\w|\d[A-Za-z]|[A-Z]{2}[a-z]/.test(word);
}
