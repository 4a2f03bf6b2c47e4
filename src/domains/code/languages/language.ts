import type { SymbolKind } from '../model.ts';

/** What a parser needs to know about one language. Data only: `README.md` says how to add one. */
export interface Language {
  /** Lower case, as stored and as filtered by. Never changed once released. */
  readonly id: string;
  /** As people write it. */
  readonly name: string;
  /** Without the dot, lower case. */
  readonly extensions: readonly string[];
  /** Whole file names, lower case. */
  readonly filenames?: readonly string[];
  /** Names of interpreters in a `#!` line, without their version. */
  readonly shebangs?: readonly string[];
  /** The `.wasm` inside an installed package. Its digest stands in `grammar-checksums.ts`. */
  readonly grammar?: GrammarFile;
  /**
   * What to read out of the tree. A definition is captured as one of the symbol kinds, with `@name`, and if the tree has no `body` field,
   * `@body`; further `@params` and `@container` (a name outside the definition it belongs to). `@scope` with `@name` is a container that is
   * no symbol itself. `@ref` is a used name, `@import` a target.
   */
  readonly query?: string;
  /**
   * Decision nodes, for the complexity of functions:
   * `@branch` a decision that nests (if, loop, catch) · `@elseif` takes that back for an `if` that stands in an `else` · `@case` a decision
   * without weight of its own (arm of a switch, elif) · `@else` weight without a decision · `@switch` weight that nests, no decision ·
   * `@nest` nests only (a lambda) · `@logic` a boolean operator · `@same` an operator that goes on with a run of equal ones · `@jump`.
   */
  readonly complexity?: string;
  /** Read line by line where there is no tree, or one with errors. */
  readonly lines?: readonly LinePattern[];
  /** Lines that belong to the definition right below them: comments, decorators, attributes. */
  readonly leading?: RegExp;
  /** Opens and closes a part in which `lines` do not count, as a code block in Markdown. */
  readonly fence?: RegExp;
  /** Names of functions that make an instance, where they stand in a class. */
  readonly constructors?: readonly string[];
  /** Further symbols of one file are left out. Default 20,000. */
  readonly maxSymbols?: number;
}

export interface GrammarFile {
  readonly package: string;
  readonly file: string;
}

/** One kind of definition that can be told by its first line. */
export interface LinePattern {
  readonly kind: SymbolKind;
  /** Its group `name` is the name; a group `level` (`##`) says how deep a heading is, a group `imported` makes it an import. Linear time. */
  readonly pattern: RegExp;
}
