import { throwIfAborted } from '../../../kernel/abort.ts';
import { PolymniaError, toPolymniaError } from '../../../kernel/errors.ts';
import type { OperationContext } from '../../../kernel/operation.ts';
import { CHAT_LIMITS } from '../limits.ts';
import type { ModelMessage, ModelTool, ToolCall } from '../model.ts';
import type { SharedModel } from '../models/shared-model.ts';
import type { ModelRequest } from '../ports.ts';
import { reportOf, type Recall } from '../recall.ts';
import { withPassages } from '../prompt.ts';
import type { OwnTools } from '../tools/own-tools.ts';
import type { Turn } from './turn.ts';

/** What a model is to answer. */
export interface Question {
  readonly model: SharedModel;
  /** In order, the last user message being the one that is asked now. */
  readonly messages: readonly ModelMessage[];
  readonly recall: Recall;
  readonly settings: Omit<ModelRequest, 'messages' | 'passages'>;
  /** The user's own operations; without them the model has only the client's tools. */
  readonly tools?: OwnTools;
  /** Tokens of all requests together. */
  readonly maxTokens: number;
}

/**
 * Has the model answer, running the tools it asks for between its requests, and notes everything in the turn. Resolves when the
 * model has finished; rejects as models do. The last request is made without tools, so that there is an answer.
 */
export async function answer(turn: Turn, question: Question, ctx: OperationContext): Promise<void> {
  const { model, recall, settings } = question;
  turn.model = model.name;
  turn.recall = reportOf(recall);
  const messages = [...withPassages(question.messages, recall.passages)];
  let takesTools = true;
  for (let count = 1; ; count++) {
    const isLast = count === CHAT_LIMITS.modelRequests || turn.inputTokens + turn.outputTokens >= question.maxTokens;
    const own = isLast || !takesTools ? [] : (question.tools?.offered(ctx, turn.place?.isTemporary === true) ?? []);
    const request = { ...settings, messages, passages: recall.passages, ...toolsOf(settings, own) };
    const said = turn.text.length;
    const asked = await askOnce(turn, model, request, own, ctx);
    takesTools = asked !== 'without_tools';
    if (asked === 'without_tools') continue;
    if (asked.length === 0) return;
    messages.push({ role: 'assistant', content: turn.text.slice(said), toolCalls: asked });
    for (const call of asked) messages.push(await use(turn, call, question.tools, ctx));
  }
}

function toolsOf({ tools = [] }: Question['settings'], own: readonly ModelTool[]): Pick<ModelRequest, 'tools'> {
  const all = [...tools, ...own];
  return all.length === 0 ? {} : { tools: all };
}

/**
 * One request. Answers with the calls to be run here: those of own tools, and of tools that do not exist, which the model is told.
 * Calls of the client's tools go to the client and end the turn.
 */
async function askOnce(
  turn: Turn,
  model: SharedModel,
  request: ModelRequest,
  own: readonly ModelTool[],
  ctx: OperationContext,
): Promise<readonly ToolCall[] | 'without_tools'> {
  const ownNames = new Set(own.map(({ name }) => name));
  const knownNames = new Set(request.tools?.map(({ name }) => name));
  const asked: ToolCall[] = [];
  let hasBegun = false;
  try {
    for await (const event of model.stream(request, ctx)) {
      if (!hasBegun) noteStart(turn);
      hasBegun = true;
      if (event.type === 'text') addText(turn, event.text);
      else if (event.type === 'usage') addUsage(turn, event.usage);
      else if (event.type === 'finish') turn.finishReason = event.reason;
      else if (ownNames.has(event.call.name) || (own.length > 0 && !knownNames.has(event.call.name))) asked.push(event.call);
      else addClientCall(turn, event.call);
      if (turn.text.length >= CHAT_LIMITS.answerCharacters) {
        turn.finishReason = 'length';
        return [];
      }
    }
  } catch (failure) {
    throwIfAborted(ctx.signal);
    // Many local models take no tools, and say so by refusing the request.
    if (hasBegun || own.length === 0 || toPolymniaError(failure).code !== 'invalid_input') throw failure;
    return 'without_tools';
  }
  return asked.slice(0, CHAT_LIMITS.toolCalls);
}

function noteStart(turn: Turn): void {
  if (turn.model === undefined || turn.recall === undefined) throw new PolymniaError('internal', 'An answer began before its question.');
  if (turn.log.isEmpty) turn.log.add({ type: 'start', model: turn.model, recall: turn.recall });
}

function addText(turn: Turn, text: string): void {
  turn.text += text;
  turn.log.add({ type: 'text', text });
}

function addClientCall(turn: Turn, call: ToolCall): void {
  turn.clientCalls.push(call);
  turn.log.add({ type: 'tool_call', call });
}

function addUsage(turn: Turn, { inputTokens, outputTokens, estimated }: { inputTokens: number; outputTokens: number; estimated: boolean }): void {
  turn.inputTokens += inputTokens;
  turn.outputTokens += outputTokens;
  turn.isEstimated ||= estimated;
}

async function use(turn: Turn, call: ToolCall, tools: OwnTools | undefined, ctx: OperationContext): Promise<ModelMessage> {
  if (tools === undefined) throw new PolymniaError('internal', 'A tool was asked for that was not offered.');
  const { step, isError } = await tools.use(call, ctx);
  throwIfAborted(ctx.signal);
  turn.steps.push(step);
  turn.log.add({ type: 'tool_used', name: call.name, isError });
  return { role: 'tool', content: step.result, toolCallId: call.id };
}
