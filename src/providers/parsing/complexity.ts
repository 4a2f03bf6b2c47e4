import type { FunctionComplexity } from '../../domains/code/model.ts';
import { countParameters } from './signature.ts';

/** What a captured node means for complexity; see `Language.complexity`. */
export const DECISION_ROLES = ['branch', 'elseif', 'case', 'else', 'switch', 'nest', 'logic', 'same', 'jump'] as const;
export type DecisionRole = (typeof DECISION_ROLES)[number];

export interface Decision {
  readonly role: DecisionRole;
  /** The same node has the same id. */
  readonly id: number;
  readonly start: number;
  /** Only of roles that nest. */
  readonly end: number;
}

export interface FunctionRange {
  readonly start: number;
  readonly end: number;
  readonly bodyStart?: number;
  readonly parameters?: string;
}

const NESTING: ReadonlySet<DecisionRole> = new Set(['branch', 'switch', 'nest']);

interface Count {
  cyclomatic: number;
  cognitive: number;
  deepest: number;
}

/** One open range: a function, or a decision inside it. */
interface Open {
  readonly end: number;
  readonly owner: number;
  readonly depth: number;
}

/**
 * Complexity of each function, each decision counted for the innermost one around it (McCabe 1976; cognitive complexity by SonarSource
 * 2017, without recursion). `functions` in order of start, outer ones first.
 */
export function complexityOf(functions: readonly FunctionRange[], decisions: readonly Decision[]): readonly FunctionComplexity[] {
  const counts = functions.map((): Count => ({ cyclomatic: 1, cognitive: 0, deepest: 0 }));
  const elseIfs = new Set(decisions.filter(({ role }) => role === 'elseif').map(({ id }) => id));
  const stack: Open[] = [];
  let next = 0;
  for (const decision of decisions.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    next = openFunctions(functions, next, decision.start, stack);
    closeBefore(stack, decision.start);
    const around = stack.at(-1);
    const count = around && counts[around.owner];
    if (around === undefined || count === undefined || isOwnBody(decision, functions[around.owner])) continue;
    if (decision.role === 'branch' && elseIfs.has(decision.id)) count.cyclomatic += 1;
    else weigh(count, decision.role, around.depth);
    if (!NESTING.has(decision.role) || elseIfs.has(decision.id)) continue;
    count.deepest = Math.max(count.deepest, around.depth + 1);
    stack.push({ end: decision.end, owner: around.owner, depth: around.depth + 1 });
  }
  return counts.map(({ cyclomatic, cognitive, deepest }, index) => ({
    cyclomatic,
    cognitive,
    nesting: deepest,
    parameters: countParameters(functions[index]?.parameters ?? ''),
  }));
}

function openFunctions(functions: readonly FunctionRange[], from: number, until: number, stack: Open[]): number {
  let next = from;
  for (let range = functions[next]; range !== undefined && range.start <= until; range = functions[next]) {
    closeBefore(stack, range.start);
    stack.push({ end: range.end, owner: next, depth: 0 });
    next += 1;
  }
  return next;
}

function closeBefore(stack: Open[], start: number): void {
  for (let top = stack.at(-1); top !== undefined && top.end <= start; top = stack.at(-1)) stack.pop();
}

/** `const f = () => …`: the arrow is the function itself. */
function isOwnBody({ role, start }: Decision, range: FunctionRange | undefined): boolean {
  return role === 'nest' && range?.bodyStart !== undefined && start < range.bodyStart;
}

function weigh(count: Count, role: DecisionRole, depth: number): void {
  if (role === 'branch' || role === 'case' || role === 'logic') count.cyclomatic += 1;
  if (role === 'branch' || role === 'switch') count.cognitive += 1 + depth;
  if (role === 'else' || role === 'logic' || role === 'jump') count.cognitive += 1;
  if (role === 'same') count.cognitive -= 1;
}
