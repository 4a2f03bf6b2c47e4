import type { CallOptions, Gate } from '../../../domains/admission/index.ts';
import type { ChatEvent, CompleteChatOutput } from '../../../domains/conversation/index.ts';
import { PolymniaError } from '../../../kernel/errors.ts';
import type { BoundOperation, HttpMethod } from '../../../kernel/operation.ts';
import { authenticate, originOf } from '../operation-routes.ts';
import { createPrepare, type PrepareDeps, type RequestBudgets } from '../prepare-call.ts';
import { translate } from '../problem.ts';
import { answerPushed, type PushedForm, readerOf } from '../pushed-answer.ts';
import { rateHeaders } from '../rate-headers.ts';
import { type Endpoint, type Exchange, jsonReply, type Reply } from '../reply.ts';
import { type AnswerHead, completionOf, CompletionChunks } from './openai-answer.ts';
import { openAiError, openAiErrorReply } from './openai-error.ts';
import { type OpenAiRequest, readOpenAiRequest } from './openai-request.ts';

export interface OpenAiDeps extends PrepareDeps {
  readonly gate: Gate;
  readonly budgets: RequestBudgets;
}

/** One route of the OpenAI-compatible door. */
export interface OpenAiRoute {
  readonly methods: readonly HttpMethod[];
  readonly path: string;
  readonly answer: Endpoint;
}

const COMPLETIONS = '/v1/chat/completions';
/** A name of the client's own for the conversation, or an id of ours. */
const CONVERSATION_HEADER = 'x-conversation-id';
const MS_PER_SECOND = 1000;

/** The door for OpenAI clients: the conversation operations in another form, with no rules of its own. None without those operations. */
export function createOpenAiRoutes(operations: readonly BoundOperation[], deps: OpenAiDeps): readonly OpenAiRoute[] {
  const complete = operations.find(({ name }) => name === 'complete_chat');
  const list = operations.find(({ name }) => name === 'list_models');
  if (complete === undefined || list === undefined) return [];
  return [
    { methods: ['GET'], path: '/v1/models', answer: modelsEndpoint(list, deps) },
    { methods: ['POST'], path: COMPLETIONS, answer: completionsEndpoint(complete, deps) },
    { methods: ['GET', 'POST', 'DELETE'], path: '/v1/responses', answer: responsesEndpoint(deps) },
  ];
}

function modelsEndpoint(operation: BoundOperation, { gate, clock }: OpenAiDeps): Endpoint {
  const created = Math.floor(clock.now() / MS_PER_SECOND);
  return async (exchange) => {
    const principal = await authenticate(gate, exchange.request.headers);
    const outcome = await gate.call(operation, principal, {}, optionsOf(exchange));
    const headers = rateHeaders(outcome.rate);
    if (!outcome.ok) return openAiErrorReply(outcome.error, exchange.requestId, headers);
    const { models } = outcome.output as { readonly models: readonly { readonly name: string }[] };
    return jsonReply({ object: 'list', data: models.map(({ name }) => ({ id: name, object: 'model', created, owned_by: 'polymnia' })) }, headers);
  };
}

/** What the newest OpenAI clients ask first. A plain word spares their users a search. */
function responsesEndpoint({ gate }: OpenAiDeps): Endpoint {
  return async ({ request, requestId }) => {
    await authenticate(gate, request.headers);
    const sentence = `This server has no Responses API. Use chat completions (POST ${COMPLETIONS}); with the AI SDK that is openai.chat(model).`;
    return openAiErrorReply(new PolymniaError('not_found', sentence), requestId);
  };
}

function completionsEndpoint(operation: BoundOperation, deps: OpenAiDeps): Endpoint {
  const prepare = createPrepare(operation, COMPLETIONS, deps, deps.budgets);
  return async (exchange) => {
    const principal = await authenticate(deps.gate, exchange.request.headers);
    const prepared = await prepare(exchange, principal);
    try {
      const conversation = exchange.request.headers.get(CONVERSATION_HEADER);
      const request = readOpenAiRequest(prepared.input, conversation ?? undefined);
      const head = { id: `chatcmpl-${exchange.requestId}`, created: Math.floor(deps.clock.now() / MS_PER_SECOND) };
      const call: ReadyCompletion = { operation, principal, request, head, exchange };
      return await (request.isStream ? answerWithChunks(call, deps) : answerWhole(call, deps));
    } finally {
      await prepared.release(undefined);
    }
  };
}

interface ReadyCompletion {
  readonly operation: BoundOperation;
  readonly principal: Awaited<ReturnType<typeof authenticate>>;
  readonly request: OpenAiRequest;
  readonly head: AnswerHead;
  readonly exchange: Exchange;
}

function optionsOf({ request, requestId }: Exchange, signal = request.signal): CallOptions {
  return { requestId, origin: originOf(request.headers), signal };
}

async function answerWhole({ operation, principal, request, head, exchange }: ReadyCompletion, { gate }: OpenAiDeps): Promise<Reply> {
  const outcome = await gate.call(operation, principal, request.input, optionsOf(exchange));
  const headers = rateHeaders(outcome.rate);
  if (!outcome.ok) return openAiErrorReply(outcome.error, exchange.requestId, headers);
  return jsonReply(completionOf(outcome.output as CompleteChatOutput, head), headers);
}

/** The answer as server-sent events. When the reader goes, the call to the model stops. */
async function answerWithChunks(call: ReadyCompletion, deps: OpenAiDeps): Promise<Reply> {
  const { operation, principal, request, head, exchange } = call;
  const { requestId } = exchange;
  const reader = readerOf(exchange.request.signal);
  const outcome = await deps.gate.stream(operation, principal, request.input, optionsOf(exchange, reader.signal));
  const headers = rateHeaders(outcome.rate);
  if (!outcome.ok) return openAiErrorReply(outcome.error, requestId, headers);
  const chunks = new CompletionChunks(head, request.wantsUsage);
  const form: PushedForm<ChatEvent> = {
    text: (event) => {
      const chunk = chunks.of(event);
      return chunk === undefined ? undefined : dataLine(chunk);
    },
    end: () => 'data: [DONE]\n\n',
    // What breaks off ends with an error the client raises.
    broken: (failure) => dataLine(openAiError(translate(failure, requestId, deps.logger))),
    refused: (failure) => openAiErrorReply(translate(failure, requestId, deps.logger), requestId, headers),
  };
  return answerPushed({ items: outcome.items as AsyncIterable<ChatEvent>, form, headers, clock: deps.clock, context: exchange.context, reader });
}

/** JSON has no raw line ends, so an event is always one line. */
function dataLine(value: unknown): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}
