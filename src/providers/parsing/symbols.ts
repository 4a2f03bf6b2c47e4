import type { Language } from '../../domains/code/languages/language.ts';
import type { CodeSymbol, FunctionComplexity, SymbolKind } from '../../domains/code/model.ts';
import { complexityOf, type Decision } from './complexity.ts';
import type { Definition } from './definition.ts';
import { signatureOf } from './signature.ts';
import type { SourceLines } from './source-lines.ts';

const MAX_SYMBOLS = 20_000;
const MAX_CONTAINER = 500;
const CLASS_LIKE: ReadonlySet<string> = new Set(['class', 'interface', 'struct', 'union', 'enum', 'trait', 'scope']);
const CALLABLE: ReadonlySet<string> = new Set(['function', 'method', 'constructor']);

interface Placed {
  readonly definition: Definition;
  readonly kind: SymbolKind;
  readonly container: string;
}

/** Definitions in order, each with what is around it. `decisions` undefined: no complexity. */
export function symbolsOf(
  definitions: readonly Definition[],
  decisions: readonly Decision[] | undefined,
  lines: SourceLines,
  language: Language,
): readonly CodeSymbol[] {
  const placed = place(definitions, language).slice(0, language.maxSymbols ?? MAX_SYMBOLS);
  const callables = placed.filter(({ kind, definition }) => CALLABLE.has(kind) && !definition.byLine).map(({ definition }) => definition);
  const found = decisions === undefined ? [] : complexityOf(callables, decisions);
  const complexities = new Map<Definition, FunctionComplexity | undefined>(callables.map((definition, index) => [definition, found[index]]));
  return placed.map((each) => toSymbol(each, complexities.get(each.definition), lines));
}

function toSymbol({ definition, kind, container }: Placed, complexity: FunctionComplexity | undefined, lines: SourceLines): CodeSymbol {
  const { name, line, endLine } = definition;
  return { name, kind, line, endLine, container, signature: signatureOf(definition, lines), ...(complexity && { complexity }) };
}

interface Around {
  readonly definition: Definition;
  readonly path: string;
}

function place(definitions: readonly Definition[], language: Language): readonly Placed[] {
  const placed: Placed[] = [];
  const stack: Around[] = [];
  for (const definition of definitions.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    for (let top = stack.at(-1); top !== undefined && !contains(top.definition, definition); top = stack.at(-1)) stack.pop();
    const around = stack.at(-1);
    const container = join(around?.path ?? '', definition.container ?? '');
    stack.push({ definition, path: join(container, definition.name) });
    if (definition.kind === 'scope') continue;
    placed.push({ definition, container, kind: kindOf(definition, around?.definition, language) });
  }
  return placed;
}

function contains(outer: Definition, inner: Definition): boolean {
  if (inner.start >= outer.end || (inner.start === outer.start && inner.end === outer.end)) return false;
  return inner.indent > outer.indent || (!inner.byLine && !outer.byLine);
}

function join(path: string, name: string): string {
  return (path === '' || name === '' ? path + name : `${path}.${name}`).slice(0, MAX_CONTAINER).toWellFormed();
}

/** A function in a class is a method, and one with the name of its class (or the language's word) its constructor. */
function kindOf({ kind, name, container }: Definition, around: Definition | undefined, language: Language): SymbolKind {
  if (kind === 'scope') return 'namespace';
  if (kind !== 'function' && kind !== 'method') return kind;
  const inside = container ?? (around && CLASS_LIKE.has(around.kind) ? around.name : undefined);
  if (inside === undefined) return kind;
  return name === inside || language.constructors?.includes(name) === true ? 'constructor' : 'method';
}
