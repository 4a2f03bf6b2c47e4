import { z } from 'zod';
import type { Gate } from '../../domains/admission/index.ts';
import type { ChatOutput } from '../../domains/conversation/index.ts';
import { PolymniaError, toProblem } from '../../kernel/errors.ts';
import type { BoundOperation, Principal } from '../../kernel/operation.ts';
import { idempotencyKey, originOf } from './operation-routes.ts';
import { parseBody } from './parse-body.ts';
import { createPrepare, type PrepareDeps, type RequestBudgets } from './prepare-call.ts';
import { problemReply } from './problem.ts';
import { rateHeaders } from './rate-headers.ts';
import { type Endpoint, jsonReply, type Reply, type ReplyHeaders } from './reply.ts';

export const CHAT_ROUTE = '/api/chat';

export interface ChatRouteDeps extends PrepareDeps {
  readonly gate: Gate;
  readonly budgets: RequestBudgets;
  /** `SHORT_TERM_MESSAGES` */
  readonly shortTermMessages: number;
}

/** What programs that know such a route send. Either spelling of the conversation; a number is as good a name as a text. */
const name = z
  .union([z.string().min(1).max(200), z.number()])
  .transform(String)
  .nullish();
const body = z.object({
  userId: name,
  message: z.string({ error: 'message must be a text' }),
  conversationId: name,
  conversation_id: name,
});

/**
 * `POST /api/chat` with `{userId, message}`, answered with `{response}`: for back ends that serve users of their own. Their key has
 * scope `on_behalf` and `userId` names one of them; any other key speaks for its own user and leaves it out. Without a conversation
 * it is the user's one standing one. Refusals carry, beside the problem's fields, the sentence such clients look for in `error`.
 */
export function chatEndpoint(chat: BoundOperation, deps: ChatRouteDeps): Endpoint {
  const prepare = createPrepare(chat, CHAT_ROUTE, deps, deps.budgets);
  return async (exchange) => {
    const { request, requestId } = exchange;
    const reader = await authenticate(deps.gate, request.headers);
    const prepared = await prepare(exchange, reader);
    try {
      const { userId, message, ...rest } = parseBody(body, prepared.input);
      const principal = userId == null ? reader : await authenticate(deps.gate, request.headers, userId);
      const conversation = rest.conversationId ?? rest.conversation_id;
      const input = {
        message,
        recent: deps.shortTermMessages,
        wait: 'end',
        ...(conversation == null ? { standing: true } : { conversation }),
      };
      const key = idempotencyKey(request.headers);
      const options = { requestId, origin: originOf(request.headers), signal: request.signal, ...(key === undefined ? {} : { idempotencyKey: key }) };
      const outcome = await deps.gate.call(chat, principal, input, options);
      const headers = rateHeaders(outcome.rate);
      if (!outcome.ok) return chatErrorReply(outcome.error, requestId, headers);
      const { text, conversation: conversationId, turn, model } = outcome.output as ChatOutput;
      return jsonReply({ response: text, conversationId, turnId: turn, model }, headers);
    } finally {
      await prepared.release(undefined);
    }
  };
}

/** A user named in body and header must be the same one. */
function authenticate(gate: Gate, headers: Headers, userId?: string): Promise<Principal> {
  const authorization = headers.get('authorization');
  const named = headers.get('x-polymnia-user') ?? undefined;
  if (named !== undefined && userId !== undefined && named !== userId) {
    throw new PolymniaError('invalid_input', 'userId and X-Polymnia-User name two users; name one.', { details: { field: 'userId' } });
  }
  const onBehalfOf = userId ?? named;
  return gate.authenticate({ ...(authorization === null ? {} : { authorization }), ...(onBehalfOf === undefined ? {} : { onBehalfOf }) });
}

const RATE_SENTENCE = 'Too many requests';
const FAILURE_SENTENCE = 'Failed to process message';

/** The problem with the sentence for its status. */
export function chatErrorReply(error: PolymniaError, requestId: string, headers: ReplyHeaders = {}): Reply {
  const reply = problemReply(error, requestId, headers);
  const sentence = reply.status === 429 ? RATE_SENTENCE : reply.status >= 500 ? FAILURE_SENTENCE : error.message;
  return { ...reply, body: JSON.stringify({ error: sentence, ...toProblem(error, requestId) }) };
}
