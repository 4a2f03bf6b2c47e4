import type { Node, QueryMatch } from 'web-tree-sitter';
import { SYMBOL_KINDS, type SymbolKind } from '../../domains/code/model.ts';
import { DECISION_ROLES, type Decision, type DecisionRole } from './complexity.ts';
import type { Definition } from './definition.ts';
import type { SourceLines } from './source-lines.ts';

const MAX_NAME = 200;
const MAX_PARAMETERS = 4_000;
const MAX_IMPORTS = 5_000;
const MAX_REFERENCES = 50_000;

const KINDS: ReadonlySet<string> = new Set([...SYMBOL_KINDS, 'scope']);
const ROLES: ReadonlySet<string> = new Set(DECISION_ROLES);
const NESTING: ReadonlySet<string> = new Set<DecisionRole>(['branch', 'switch', 'nest']);
const SPACES = /\s+/g;
const QUOTES = /^["']|["']$/g;
const MARKUP = /<[^<>]*>/g;
const AFTER_OPERATOR = /(?<=^operator [^(]+)\(.*$/s;
const TYPE_ARGUMENTS = /<.*>$/s;

/** A name that two patterns fit belongs to the one that stands first in the query. */
interface Found {
  readonly pattern: number;
  readonly definition: Definition;
}

/** What the query's matches say. */
export interface TreeReading {
  readonly definitions: readonly Definition[];
  readonly references: ReadonlyMap<string, number>;
  readonly imports: readonly string[];
  readonly decisions: readonly Decision[];
}

/** Reads matches of one tree while it lives; nothing of it is kept. */
export class TreeReader {
  readonly #lines: SourceLines;
  readonly #definitions = new Map<number, Found>();
  readonly #decisions: Decision[] = [];
  readonly #uses: Node[] = [];
  readonly #named = new Set<number>();
  readonly #imports = new Set<string>();

  constructor(lines: SourceLines) {
    this.#lines = lines;
  }

  read(matches: readonly QueryMatch[]): TreeReading {
    for (const match of matches) this.#readMatch(match);
    return {
      definitions: Array.from(this.#definitions.values(), ({ definition }) => definition),
      references: this.#references(),
      imports: [...this.#imports],
      decisions: this.#decisions,
    };
  }

  #readMatch({ captures, patternIndex }: QueryMatch): void {
    const first = captures[0];
    if (first === undefined) return;
    if (first.name === 'ref') this.#uses.push(first.node);
    else if (ROLES.has(first.name)) this.#addDecision(first.name as DecisionRole, first.node);
    else this.#readLong(captures, patternIndex);
  }

  #addDecision(role: DecisionRole, node: Node): void {
    this.#decisions.push({ role, id: node.id, start: node.startIndex, end: NESTING.has(role) ? node.endIndex : node.startIndex });
  }

  #readLong(captures: QueryMatch['captures'], pattern: number): void {
    const node = (wanted: string): Node | undefined => captures.find(({ name }) => name === wanted)?.node;
    const target = node('import');
    if (target !== undefined && this.#imports.size < MAX_IMPORTS) this.#imports.add(this.#slice(target, MAX_NAME).replace(QUOTES, ''));
    const ref = node('ref');
    if (ref !== undefined) this.#uses.push(ref);
    const whole = captures.find(({ name }) => KINDS.has(name));
    const name = node('name');
    if (whole === undefined || name === undefined) return;
    this.#named.add(name.startIndex);
    const known = this.#definitions.get(name.startIndex);
    if (known !== undefined && known.pattern <= pattern) return;
    const definition = this.#definition(whole.node, whole.name as SymbolKind | 'scope', name, node);
    if (definition.name !== '') this.#definitions.set(name.startIndex, { pattern, definition });
  }

  #definition(whole: Node, kind: SymbolKind | 'scope', name: Node, node: (wanted: string) => Node | undefined): Definition {
    const body = node('body') ?? whole.childForFieldName('body');
    const parameters = node('params') ?? whole.childForFieldName('parameters');
    const container = node('container');
    return {
      kind,
      name: cleanName(kind, this.#slice(name, MAX_NAME)),
      start: whole.startIndex,
      end: whole.endIndex,
      line: whole.startPosition.row + 1,
      endLine: this.#lastLine(whole),
      indent: this.#lines.indent(whole.startPosition.row + 1),
      byLine: false,
      nameLine: name.startPosition.row + 1,
      ...(body && { bodyStart: body.startIndex }),
      ...(parameters && { parameters: this.#slice(parameters, MAX_PARAMETERS) }),
      ...(container && { container: this.#slice(container, MAX_NAME).replace(TYPE_ARGUMENTS, '') }),
    };
  }

  /** Of a node that may end with line breaks. */
  #lastLine(node: Node): number {
    const { text } = this.#lines;
    let end = node.endIndex;
    while (end > node.startIndex + 1 && (text[end - 1] === '\n' || text[end - 1] === '\r')) end -= 1;
    return this.#lines.lineAt(Math.max(node.startIndex, end - 1));
  }

  #slice(node: Node, most: number): string {
    const start = node.startIndex;
    const written = this.#lines.text
      .slice(start, Math.min(node.endIndex, start + most))
      .replace(SPACES, ' ')
      .trim();
    return written.toWellFormed();
  }

  #references(): ReadonlyMap<string, number> {
    const { text } = this.#lines;
    const counts = new Map<string, number>();
    const seen = new Set<number>();
    for (const node of this.#uses) {
      const start = node.startIndex;
      if (this.#named.has(start) || seen.has(start)) continue;
      seen.add(start);
      const { endIndex } = node;
      if (endIndex === start) continue;
      const name = endIndex - start < MAX_NAME ? text.slice(start, endIndex) : text.slice(start, start + MAX_NAME).toWellFormed();
      const count = counts.get(name);
      if (count !== undefined || counts.size < MAX_REFERENCES) counts.set(name, (count ?? 0) + 1);
    }
    return counts;
  }
}

/** A heading without its tags; `operator T() const` without what follows its type. */
function cleanName(kind: Definition['kind'], written: string): string {
  if (kind === 'heading') return written.replace(MARKUP, '').trim();
  return written.startsWith('operator ') ? written.replace(AFTER_OPERATOR, '') : written;
}
