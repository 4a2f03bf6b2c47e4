import { allOf, ANY_TEXT, literalQuery, oneOf, type TextQuery } from './text-query.ts';

/** Alternatives kept apart while literals are put together. */
const MAX_STRINGS = 16;
const MAX_LENGTH = 64;
const MAX_DEPTH = 100;
/** Letters that fold to others beyond ASCII (long s, Kelvin sign): where case does not matter they cannot be looked up. */
const FOLDS_BEYOND_ASCII = /[ks\u0080-\uffff]/i;

/** What an expression matches: exactly one of `strings`, or, when that is not known, at least what `need` says. */
interface Part {
  readonly strings?: readonly string[];
  /** One of these begins, and one of these ends it: of something that is repeated. */
  readonly edge?: readonly string[];
  readonly need: TextQuery;
}

const NOTHING_KNOWN: Part = { need: ANY_TEXT };
const EMPTY: Part = { strings: [''], need: ANY_TEXT };

class NotUnderstood extends Error {}

/**
 * What a text must hold for an RE2 expression to match in it (R. Cox, "Regular expression matching with a trigram index", 2012, without
 * its prefixes and suffixes). Never asks for more than a match needs; what it does not understand asks for nothing.
 */
export function regexTextQuery(pattern: string, ignoreCase: boolean): TextQuery {
  try {
    const reader = new Reader(pattern, ignoreCase);
    const part = reader.alternatives(0);
    return reader.atEnd ? needOf(part) : ANY_TEXT;
  } catch (error) {
    if (error instanceof NotUnderstood) return ANY_TEXT;
    throw error;
  }
}

function needOf({ strings, need }: Part): TextQuery {
  return strings === undefined ? need : allOf([need, oneOf(strings.map(literalQuery))]);
}

class Reader {
  readonly #pattern: string;
  #at = 0;
  #ignoreCase: boolean;

  constructor(pattern: string, ignoreCase: boolean) {
    this.#pattern = pattern;
    this.#ignoreCase = ignoreCase;
  }

  get atEnd(): boolean {
    return this.#at >= this.#pattern.length;
  }

  alternatives(depth: number): Part {
    if (depth > MAX_DEPTH) throw new NotUnderstood();
    const before = this.#ignoreCase;
    const parts = [this.#sequence(depth)];
    while (this.#take('|')) parts.push(this.#sequence(depth));
    this.#ignoreCase = before;
    return either(parts);
  }

  #sequence(depth: number): Part {
    const parts: Part[] = [];
    while (!this.atEnd && !this.#sees('|') && !this.#sees(')')) parts.push(this.#repeated(this.#atom(depth)));
    return inRow(parts);
  }

  #repeated(atom: Part): Part {
    let part = atom;
    for (;;) {
      if (this.#take('*')) part = NOTHING_KNOWN;
      else if (this.#take('+')) part = oneOrMore(part);
      else if (this.#take('?')) part = optional(part);
      else {
        const times = /^\{(\d+)(?:,\d*)?\}/.exec(this.#pattern.slice(this.#at, this.#at + 16));
        if (times === null) return part;
        this.#at += times[0].length;
        part = Number(times[1]) === 0 ? NOTHING_KNOWN : oneOrMore(part);
      }
      this.#take('?');
    }
  }

  #atom(depth: number): Part {
    const character = this.#next();
    switch (character) {
      case '(':
        return this.#group(depth);
      case '[':
        return this.#characterClass();
      case '\\':
        return this.#escape();
      case '^':
      case '$':
        return EMPTY;
      case '.':
        return NOTHING_KNOWN;
      case '*':
      case '+':
      case '?':
        throw new NotUnderstood();
      default:
        return this.#literal(character);
    }
  }

  #literal(character: string): Part {
    if (!this.#ignoreCase) return { strings: [character], need: ANY_TEXT };
    return FOLDS_BEYOND_ASCII.test(character) ? NOTHING_KNOWN : { strings: [character.toLowerCase()], need: ANY_TEXT };
  }

  #group(depth: number): Part {
    if (this.#take('?')) {
      const head = /^(?:P?<\w+>|([imsU]*)(-[imsU]+)?([:)]))/.exec(this.#pattern.slice(this.#at, this.#at + 200));
      if (head === null) throw new NotUnderstood();
      this.#at += head[0].length;
      const before = this.#ignoreCase;
      if (head[1]?.includes('i')) this.#ignoreCase = true;
      if (head[2]?.includes('i')) this.#ignoreCase = false;
      if (head[3] === ')') return EMPTY;
      const inner = this.#closed(depth);
      this.#ignoreCase = before;
      return inner;
    }
    return this.#closed(depth);
  }

  #closed(depth: number): Part {
    const inner = this.alternatives(depth + 1);
    if (!this.#take(')')) throw new NotUnderstood();
    return inner;
  }

  /** Only short lists of plain characters are followed. */
  #characterClass(): Part {
    const plain = /^([A-Za-z0-9_ .,:;=<>"'/#@!%&*+?(){}|~`$-]{1,8})\]/.exec(this.#pattern.slice(this.#at, this.#at + 10));
    if (plain?.[1] !== undefined && !/.-./.test(plain[1])) {
      this.#at += plain[0].length;
      return either(Array.from(plain[1]).map((character) => this.#literal(character)));
    }
    this.#skipClass();
    return NOTHING_KNOWN;
  }

  #skipClass(): void {
    this.#take('^');
    this.#take(']');
    for (;;) {
      const character = this.#next();
      if (character === ']') return;
      if (character === '\\') this.#next();
      else if (character === '[' && this.#take(':')) {
        const end = this.#pattern.indexOf(':]', this.#at);
        if (end < 0) throw new NotUnderstood();
        this.#at = end + 2;
      }
    }
  }

  #escape(): Part {
    const character = this.#next();
    if (/[bBAz]/.test(character)) return EMPTY;
    if (character === 'Q') return this.#quoted();
    if (/[pP]/.test(character)) {
      if (!this.#take('{')) this.#next();
      else this.#skipTo('}');
      return NOTHING_KNOWN;
    }
    if (/[A-Za-z0-9]/.test(character)) {
      if (/[dDsSwW]/.test(character)) return NOTHING_KNOWN;
      throw new NotUnderstood();
    }
    return this.#literal(character);
  }

  #quoted(): Part {
    const end = this.#pattern.indexOf('\\E', this.#at);
    const text = this.#pattern.slice(this.#at, end < 0 ? undefined : end);
    this.#at = end < 0 ? this.#pattern.length : end + 2;
    return inRow(Array.from(text).map((character) => this.#literal(character)));
  }

  #skipTo(end: string): void {
    const at = this.#pattern.indexOf(end, this.#at);
    if (at < 0) throw new NotUnderstood();
    this.#at = at + 1;
  }

  #sees(character: string): boolean {
    return this.#pattern[this.#at] === character;
  }

  #take(character: string): boolean {
    if (!this.#sees(character)) return false;
    this.#at += 1;
    return true;
  }

  /** The next whole character, of one or two units. */
  #next(): string {
    const code = this.#pattern.codePointAt(this.#at);
    if (code === undefined) throw new NotUnderstood();
    const character = String.fromCodePoint(code);
    this.#at += character.length;
    return character;
  }
}

function either(parts: readonly Part[]): Part {
  const strings = parts.flatMap((part) => part.strings ?? []);
  const known = parts.every((part) => part.strings !== undefined && part.need.kind === 'any') && strings.length <= MAX_STRINGS;
  return known ? { strings, need: ANY_TEXT } : { need: oneOf(parts.map(needOf)) };
}

function oneOrMore(part: Part): Part {
  return { need: needOf(part), ...(part.strings !== undefined && { edge: part.strings }) };
}

function optional(part: Part): Part {
  if (part.strings === undefined || part.need.kind !== 'any' || part.strings.length >= MAX_STRINGS) return NOTHING_KNOWN;
  return { strings: [...part.strings, ''], need: ANY_TEXT };
}

function inRow(parts: readonly Part[]): Part {
  let run: readonly string[] = [''];
  let isWhole = true;
  const needs: TextQuery[] = [];
  for (const part of parts) {
    needs.push(part.need);
    const joined = part.strings === undefined ? undefined : product(run, part.strings);
    if (joined !== undefined) {
      run = joined;
      continue;
    }
    const begun = part.edge === undefined ? undefined : product(run, part.edge);
    needs.push(oneOf((begun ?? run).map(literalQuery)));
    run = part.strings ?? part.edge ?? [''];
    isWhole = false;
  }
  const need = allOf(needs);
  return isWhole ? { strings: run, need } : { need: allOf([need, oneOf(run.map(literalQuery))]) };
}

function product(left: readonly string[], right: readonly string[]): readonly string[] | undefined {
  if (left.length * right.length > MAX_STRINGS) return undefined;
  const joined = left.flatMap((a) => right.map((b) => a + b));
  return joined.every(({ length }) => length <= MAX_LENGTH) ? joined : undefined;
}
