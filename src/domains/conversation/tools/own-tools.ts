import { z } from 'zod';
import { toProblem } from '../../../kernel/errors.ts';
import type { BoundOperation, OperationContext } from '../../../kernel/operation.ts';
import { parseJson } from '../../../kernel/parse-json.ts';
import type { Gate } from '../../admission/index.ts';
import { CHAT_LIMITS } from '../limits.ts';
import type { ModelTool, ToolCall, ToolStep } from '../model.ts';

/** Operations a model may use for the user it answers: they look things up, or note what was said. None deletes, syncs or reaches out. */
const TOOL_NAMES: ReadonlySet<string> = new Set(['retrieve_memory', 'store_memory', 'search_code', 'find_symbol', 'read_code']);

/** What came of one use of a tool. */
export interface ToolUse {
  readonly step: ToolStep;
  readonly isError: boolean;
}

/**
 * The user's own operations as tools of a model. Each use passes the gate as that user, with that user's credential, rate and
 * spaces: a model that does whatever a text tells it reaches what its user reaches by these operations, and nothing else. What it
 * notes stays in the user's own space: else a text in a shared one could have it told there what the user alone may read.
 */
export class OwnTools {
  readonly #gate: Gate;
  readonly #operations: ReadonlyMap<string, BoundOperation>;
  readonly #tools: readonly ModelTool[];

  constructor(gate: Gate, operations: readonly BoundOperation[]) {
    const own = operations.filter(({ name }) => TOOL_NAMES.has(name));
    this.#gate = gate;
    this.#operations = new Map(own.map((operation) => [operation.name, operation]));
    this.#tools = own.map((operation) => ({ name: operation.name, description: operation.description, parameters: parametersOf(operation) }));
  }

  /** The tools the credential may use; in a temporary conversation, of which nothing is remembered, only those that read. */
  offered({ credential }: Pick<OperationContext, 'credential'>, isTemporary: boolean): readonly ModelTool[] {
    return this.#tools.filter(({ name }) => {
      const { scope = null, effect } = this.#operations.get(name) ?? {};
      return (scope === null || credential.scopes.includes(scope)) && (effect === 'read' || !isTemporary);
    });
  }

  /** Runs one call of a model. What goes wrong is told to the model; only the turn's own end rejects. */
  async use(call: ToolCall, ctx: OperationContext): Promise<ToolUse> {
    const operation = this.#operations.get(call.name);
    if (operation === undefined) return failed(call, { error: `There is no tool ${JSON.stringify(call.name.slice(0, 100))}.` });
    const input = call.arguments.trim() === '' ? {} : parseJson(call.arguments);
    if (input === undefined) return failed(call, { error: 'The arguments are no JSON.' });
    if (operation.effect !== 'read' && namesSpace(input)) return failed(call, { error: 'Notes stay in the space of their user: leave space out.' });
    const { caller, credential, requestId, signal } = ctx;
    const options = { requestId, origin: { surface: 'internal', client: 'chat' }, signal } as const;
    const outcome = await this.#gate.call(operation, { caller, credential }, input, options);
    if (!outcome.ok) return failed(call, { error: toProblem(outcome.error, requestId) });
    return { step: stepOf(call, outcome.output), isError: false };
  }
}

function parametersOf({ input, effect }: BoundOperation): ModelTool['parameters'] {
  const schema = z.toJSONSchema(input, { io: 'input', unrepresentable: 'any' });
  if (effect !== 'read') delete schema.properties?.['space'];
  return schema;
}

function namesSpace(input: unknown): boolean {
  return typeof input === 'object' && input !== null && 'space' in input;
}

function failed(call: ToolCall, what: unknown): ToolUse {
  return { step: stepOf(call, what), isError: true };
}

function stepOf(call: ToolCall, output: unknown): ToolStep {
  const text = JSON.stringify(output) ?? 'null';
  const result = text.length <= CHAT_LIMITS.toolResultCharacters ? text : `${text.slice(0, CHAT_LIMITS.toolResultCharacters).toWellFormed()}… (cut)`;
  return { call, result };
}
