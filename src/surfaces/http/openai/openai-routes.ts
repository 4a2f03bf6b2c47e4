import type { CallOptions, Gate } from '../../../domains/admission/index.ts';
import type { ChatEvent, CompleteChatOutput } from '../../../domains/conversation/index.ts';
import { PolymniaError } from '../../../kernel/errors.ts';
import type { BoundOperation, HttpMethod } from '../../../kernel/operation.ts';
import { authenticate, originOf } from '../operation-routes.ts';
import { createPrepare, type PrepareDeps, type RequestBudgets } from '../prepare-call.ts';
import { translate } from '../problem.ts';
import { PushStream } from '../push-stream.ts';
import { rateHeaders } from '../rate-headers.ts';
import { dropConnection, type Endpoint, type Exchange, jsonReply, type Reply } from '../reply.ts';
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
/** A model that refuses does so with a status while the answer has not begun; longer no client is left without a byte. */
const STATUS_WITHIN_MS = 10_000;
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
      const request = readOpenAiRequest(prepared.input);
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
  const { operation, principal, request, exchange } = call;
  const { clock } = deps;
  const abort = new AbortController();
  const leave = (): void => abort.abort(new PolymniaError('cancelled', 'The reader of the answer has gone.'));
  exchange.request.signal.addEventListener('abort', leave, { once: true });
  if (exchange.request.signal.aborted) leave();
  const outcome = await deps.gate.stream(operation, principal, request.input, optionsOf(exchange, abort.signal));
  if (!outcome.ok) return openAiErrorReply(outcome.error, exchange.requestId, rateHeaders(outcome.rate));
  const events = (outcome.items as AsyncIterable<ChatEvent>)[Symbol.asyncIterator]();
  const first = events.next();
  const refusal = await failureWithin(first, (run) => clock.after(STATUS_WITHIN_MS, run));
  if (refusal !== undefined) {
    return openAiErrorReply(translate(refusal.reason, exchange.requestId, deps.logger), exchange.requestId, rateHeaders(outcome.rate));
  }
  const stream = new PushStream(clock, { onGone: leave, onStall: () => dropConnection(exchange.context) });
  void stream.feed(textsOf(first, events, call, deps));
  const headers = { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store', 'x-accel-buffering': 'no' };
  return { status: 200, headers: { ...headers, ...rateHeaders(outcome.rate) }, body: stream.body };
}

/** Why the promise failed, if it did so in time. */
async function failureWithin(promise: Promise<unknown>, after: (run: () => void) => () => void): Promise<{ readonly reason: unknown } | undefined> {
  const late = Promise.withResolvers<undefined>();
  const cancel = after(() => late.resolve(undefined));
  const failed = promise.then(
    () => undefined,
    (reason: unknown) => ({ reason }),
  );
  const outcome = await Promise.race([failed, late.promise]);
  cancel();
  return outcome;
}

/** Events as text, ending with `[DONE]` or, when the answer breaks off, with an error the client raises. */
async function* textsOf(
  first: Promise<IteratorResult<ChatEvent>>,
  events: AsyncIterator<ChatEvent>,
  { head, request, exchange }: ReadyCompletion,
  { logger }: OpenAiDeps,
): AsyncGenerator<string> {
  const chunks = new CompletionChunks(head, request.wantsUsage);
  try {
    for (let step = await first; step.done !== true; step = await events.next()) {
      const chunk = chunks.of(step.value);
      if (chunk !== undefined) yield dataLine(chunk);
    }
    yield 'data: [DONE]\n\n';
  } catch (failure) {
    yield dataLine(openAiError(translate(failure, exchange.requestId, logger)));
  } finally {
    await events.return?.();
  }
}

/** JSON has no raw line ends, so an event is always one line. */
function dataLine(value: unknown): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}
