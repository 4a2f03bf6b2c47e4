import type { SymbolKind } from '../../domains/code/model.ts';

/** A definition as found, before it knows what stands around it. Indexes are UTF-16 code units. */
export interface Definition {
  /** `scope`: a container that is no symbol. */
  readonly kind: SymbolKind | 'scope';
  readonly name: string;
  readonly start: number;
  readonly end: number;
  readonly line: number;
  readonly endLine: number;
  readonly nameLine: number;
  /** Where its body begins. */
  readonly bodyStart?: number;
  /** Parameters as written, with their brackets. */
  readonly parameters?: string;
  /** Written beside the name, as `Foo` in `Foo::bar`. */
  readonly container?: string;
  /** Characters before it on its line; of a heading, its level. */
  readonly indent: number;
  /** Found by its line, not in the tree: what it is contained in is told by the indentation too. */
  readonly byLine: boolean;
}
