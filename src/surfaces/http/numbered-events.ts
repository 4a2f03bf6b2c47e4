import { z } from 'zod';
import { PolymniaError } from '../../kernel/errors.ts';
import type { AnswerDeps, ReadyCall } from './call-answers.ts';
import { problemReply, translate, translatedProblem } from './problem.ts';
import { answerPushed, type PushedForm, readerOf } from './pushed-answer.ts';
import { rateHeaders } from './rate-headers.ts';
import type { Reply } from './reply.ts';

/** An event that names its kind and, for readers that come back, the place after it. */
interface NumberedEvent {
  readonly type: string;
  readonly seq: number;
}

const LAST_EVENT_ID = 'last-event-id';
const position = z.coerce.number().int().min(0);

/**
 * An operation's stream as server-sent events, each with its kind and its place. A reader that comes back with `Last-Event-ID` goes
 * on after it. When the reader goes, only the reading stops.
 */
export async function answerWithNumberedEvents(call: ReadyCall, deps: AnswerDeps): Promise<Reply> {
  const { prepared, principal, options, exchange, always } = call;
  const reader = readerOf(options.signal);
  const resumes = prepared.operation.effect === 'read' ? resumeAfter(exchange.request.headers) : {};
  const input = { ...prepared.input, ...resumes };
  const outcome = await deps.gate.stream(prepared.operation, principal, input, { ...options, signal: reader.signal });
  await prepared.release(undefined);
  const headers = { ...always, ...rateHeaders(outcome.rate) };
  if (!outcome.ok) return problemReply(outcome.error, exchange.requestId, headers);
  const form: PushedForm<NumberedEvent> = {
    text: formatEvent,
    end: () => '',
    broken: (failure) => `event: error\ndata: ${JSON.stringify(translatedProblem(failure, exchange.requestId, deps.logger))}\n\n`,
    refused: (failure) => problemReply(translate(failure, exchange.requestId, deps.logger), exchange.requestId, headers),
  };
  const items = outcome.items as AsyncIterable<NumberedEvent>;
  return answerPushed({ items, form, headers, clock: deps.clock, context: exchange.context, reader });
}

function resumeAfter(headers: Headers): { readonly after?: number } {
  const last = headers.get(LAST_EVENT_ID);
  if (last === null) return {};
  const parsed = position.safeParse(last);
  if (parsed.success) return { after: parsed.data };
  throw new PolymniaError('invalid_input', 'Last-Event-ID must be the id of an event of this stream, or be left out.');
}

/** JSON has no raw line ends, so an event is always one `data` line. */
function formatEvent({ seq, type, ...data }: NumberedEvent): string {
  return `id: ${seq}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
}
