/** How a query is meant. */
export interface MeantQuery {
  readonly mode: 'words' | 'exact' | 'regex';
  readonly text: string;
  /** When nothing is found: what else it may have meant. */
  readonly otherwise?: 'words';
  /** Said by the query itself: `/…/i`. */
  readonly ignoreCase?: boolean;
}

const BETWEEN_SLASHES = /^\/(.+)\/(i?)$/s;
const IN_QUOTES = /^"(.+)"$/s;
/** What stands in code and hardly ever in a question. */
const CODE = /[(){}[\];=<>&|!*%^~\\@$`\n]|->|::|\w\.\w/;
/** A file name or a language: words. */
const FILE_NAME = /^[\w./-]+\.\w{1,8}$/;

/** Tells exact text and expressions from words. */
export function meantQuery(query: string, mode: 'auto' | 'words' | 'exact' | 'regex'): MeantQuery {
  if (mode !== 'auto') return { mode, text: query };
  const slashes = BETWEEN_SLASHES.exec(query);
  if (slashes?.[1] !== undefined) return { mode: 'regex', text: slashes[1], ignoreCase: slashes[2] === 'i' };
  const quoted = IN_QUOTES.exec(query)?.[1];
  if (quoted !== undefined) return { mode: 'exact', text: quoted };
  const isCode = CODE.test(query.replaceAll(/\bc\+\+|\bc#/gi, '')) && !FILE_NAME.test(query.trim());
  return isCode ? { mode: 'exact', text: query.trim(), otherwise: 'words' } : { mode: 'words', text: query };
}

/** Capitals in what is asked for mean that case matters. */
export function heedsCase({ mode, text, ignoreCase }: MeantQuery, asked: boolean | undefined): boolean {
  if (ignoreCase === true) return false;
  return asked ?? (mode === 'regex' || /\p{Lu}/u.test(text));
}
