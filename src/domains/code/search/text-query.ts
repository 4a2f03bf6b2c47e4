/** What a text must hold, as far as it can be looked up: a literal (ASCII letters small), all, or one of several; `any` says nothing. */
export type TextQuery =
  | { readonly kind: 'any' }
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'and' | 'or'; readonly parts: readonly TextQuery[] };

export const ANY_TEXT: TextQuery = { kind: 'any' };

/** Trigrams need three bytes. */
const MIN_BYTES = 3;

/** A text that must occur as it is, but for the case of ASCII letters. */
export function literalQuery(text: string): TextQuery {
  return Buffer.byteLength(text) < MIN_BYTES ? ANY_TEXT : { kind: 'literal', text };
}

export function allOf(parts: readonly TextQuery[]): TextQuery {
  const telling = parts.filter(({ kind }) => kind !== 'any');
  const [first] = telling;
  if (first === undefined) return ANY_TEXT;
  return telling.length === 1 ? first : { kind: 'and', parts: telling };
}

export function oneOf(parts: readonly TextQuery[]): TextQuery {
  const [first] = parts;
  if (first === undefined || parts.some(({ kind }) => kind === 'any')) return ANY_TEXT;
  return parts.length === 1 ? first : { kind: 'or', parts };
}

/** What a text that holds `text` in any case must hold: the runs of ASCII in it, since only those letters are folded in the index. */
export function anyCaseQuery(text: string): TextQuery {
  // oxlint-disable-next-line eslint/no-control-regex
  return allOf((text.match(/[\0-\x7f]+/g) ?? []).map(literalQuery));
}

/** Literals of which every text that fits holds at least one, the most telling that can be named; undefined when there are none. */
export function literalsOf(query: TextQuery): readonly string[] | undefined {
  switch (query.kind) {
    case 'any':
      return undefined;
    case 'literal':
      return [query.text];
    case 'or': {
      const parts = query.parts.map(literalsOf);
      return parts.some((part) => part === undefined) ? undefined : parts.flatMap((part) => part ?? []);
    }
    case 'and': {
      const parts = query.parts.flatMap((part) => [literalsOf(part) ?? []]).filter((part) => part.length > 0);
      return parts.toSorted((a, b) => shortest(b) - shortest(a))[0];
    }
  }
}

function shortest(literals: readonly string[]): number {
  return Math.min(...literals.map(({ length }) => length));
}
