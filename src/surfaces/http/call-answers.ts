import type { CallOptions, CallOutcome, Gate } from '../../domains/admission/index.ts';
import type { Clock } from '../../kernel/clock.ts';
import { PolymniaError } from '../../kernel/errors.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { Principal } from '../../kernel/operation.ts';
import { EVENT_STREAM, EventStream } from './event-stream.ts';
import { JSON_LINES, jsonLines } from './json-lines.ts';
import type { PreparedCall } from './prepare-call.ts';
import { problemReply, translatedProblem } from './problem.ts';
import { rateHeaders } from './rate-headers.ts';
import { dropConnection, type Exchange, jsonReply, type Reply, type ReplyHeaders } from './reply.ts';

/** What answering needs besides the call. */
export interface AnswerDeps {
  readonly gate: Gate;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A reader of a stream that takes nothing for so long is cut off. Milliseconds. */
  readonly stallMs: number;
}

/** One authenticated, parsed call on its way to the gate. */
export interface ReadyCall {
  readonly principal: Principal;
  readonly prepared: PreparedCall;
  readonly options: CallOptions;
  readonly exchange: Exchange;
  /** Headers of every answer of the operation. */
  readonly always: ReplyHeaders;
}

/** The usual answer: one JSON document or one problem. */
export async function answerWithJson(call: ReadyCall, deps: AnswerDeps): Promise<Reply> {
  let outcome: CallOutcome | undefined;
  try {
    outcome = await deps.gate.call(call.prepared.operation, call.principal, call.prepared.input, call.options);
    return outcomeReply(outcome, call);
  } finally {
    await call.prepared.release(outcome);
  }
}

/** An outcome with the caller's standing. */
function outcomeReply(outcome: CallOutcome, call: ReadyCall): Reply {
  const headers = { ...call.always, ...rateHeaders(outcome.rate) };
  return outcome.ok ? jsonReply(outcome.output, headers) : problemReply(outcome.error, call.exchange.requestId, headers);
}

/** The operation's stream as JSON lines; refused before it began, a problem. */
export async function answerWithLines(call: ReadyCall, deps: AnswerDeps): Promise<Reply> {
  const { requestId, context } = call.exchange;
  const outcome = await deps.gate.stream(call.prepared.operation, call.principal, call.prepared.input, call.options);
  await call.prepared.release(undefined);
  if (!outcome.ok) return outcomeReply(outcome, call);
  const body = jsonLines(outcome.items, {
    clock: deps.clock,
    stallMs: deps.stallMs,
    onStall: () => dropConnection(context),
    toProblem: (thrown) => translatedProblem(thrown, requestId, deps.logger),
  });
  const headers = { 'content-type': JSON_LINES, 'cache-control': 'no-store', ...call.always, ...rateHeaders(outcome.rate) };
  return { status: 200, headers, body };
}

/** A call that ends sooner is answered plainly when refused: status and headers say more than an event. */
const EVENTS_AFTER_MS = 250;

/** One call as server-sent events: its progress, then its result or error. When the reader goes, the call stops. */
export async function answerWithEvents(call: ReadyCall, deps: AnswerDeps): Promise<Reply> {
  const begun = Promise.withResolvers<undefined>();
  const abort = new AbortController();
  const events = new EventStream(deps.clock, () => {
    abort.abort(new PolymniaError('cancelled', 'The reader of the events has gone.'));
    dropConnection(call.exchange.context);
  });
  const finished = runWithEvents(call, deps, events, abort, () => begun.resolve(undefined));
  const cancelWait = deps.clock.after(EVENTS_AFTER_MS, () => begun.resolve(undefined));
  const early = await Promise.race([finished, begun.promise]);
  cancelWait();
  if (early !== undefined && !early.ok) {
    events[Symbol.dispose]();
    return outcomeReply(early, call);
  }
  const headers = { 'content-type': EVENT_STREAM, 'cache-control': 'no-store', 'x-accel-buffering': 'no' };
  return { status: 200, headers: { ...headers, ...call.always, ...rateHeaders(early?.rate) }, body: events.body };
}

/** Runs the call and ends the events with what became of it; never rejects. */
async function runWithEvents(
  call: ReadyCall,
  deps: AnswerDeps,
  events: EventStream,
  abort: AbortController,
  onBegun: () => void,
): Promise<CallOutcome | undefined> {
  const { signal } = call.options;
  const onClientGone = (): void => abort.abort(signal.reason);
  if (signal.aborted) onClientGone();
  else signal.addEventListener('abort', onClientGone, { once: true });
  let outcome: CallOutcome | undefined;
  try {
    outcome = await deps.gate.call(call.prepared.operation, call.principal, call.prepared.input, {
      ...call.options,
      signal: abort.signal,
      onProgress: (progress) => {
        events.progress(progress);
        onBegun();
      },
    });
    if (outcome.ok) events.end('result', outcome.output);
    else events.end('error', translatedProblem(outcome.error, call.exchange.requestId, deps.logger));
    return outcome;
  } catch (error) {
    events.end('error', translatedProblem(error, call.exchange.requestId, deps.logger));
    return undefined;
  } finally {
    signal.removeEventListener('abort', onClientGone);
    await call.prepared.release(outcome);
  }
}
