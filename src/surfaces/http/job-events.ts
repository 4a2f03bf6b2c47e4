import { type JobEvent, type JobService, viewJob, viewProgress } from '../../domains/jobs/index.ts';
import type { Gate } from '../../domains/admission/index.ts';
import type { Clock } from '../../kernel/clock.ts';
import { PolymniaError } from '../../kernel/errors.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { BoundOperation } from '../../kernel/operation.ts';
import { EVENT_STREAM } from './event-stream.ts';
import { authenticate } from './operation-routes.ts';
import { problemReply, translatedProblem } from './problem.ts';
import { rateHeaders } from './rate-headers.ts';
import { dropConnection, type Endpoint } from './reply.ts';
import { PushStream } from './push-stream.ts';

export interface JobEventsDeps {
  readonly gate: Gate;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Follows a job's events; what it rejects with is the answer. */
  readonly jobs: Pick<JobService, 'watch'>;
  /** The look at the job that comes first: it costs one unit of the rate, and finds whether the caller may. */
  readonly getJob: BoundOperation;
}

/**
 * `GET /jobs/{id}/events`: a job as server-sent events `state`, `progress`, and `end` as the last one. Each has an id; a client
 * that comes back with it as `Last-Event-ID` misses nothing, or gets the job as it stands. Refused before it began: a problem.
 */
export function jobEventsEndpoint({ gate, clock, logger, jobs, getJob }: JobEventsDeps): Endpoint {
  return async ({ context, request, requestId }) => {
    const { headers, signal } = request;
    const principal = await authenticate(gate, headers);
    const id = context.req.param('id') ?? '';
    const looked = await gate.call(getJob, principal, { id }, { requestId, origin: { surface: 'http' }, signal });
    if (!looked.ok) return problemReply(looked.error, requestId, rateHeaders(looked.rate));
    const leaving = new AbortController();
    const events = jobs.watch(principal, id, { signal: leaving.signal, ...resumeAfter(headers) });
    const first = await events.next();
    const stream = new PushStream(clock, {
      onGone: () => leaving.abort(new PolymniaError('cancelled', 'The reader of the events has gone.')),
      onStall: () => dropConnection(context),
    });
    void stream.feed(texts(first, events, (error) => translatedProblem(error, requestId, logger)));
    const fixed = { 'content-type': EVENT_STREAM, 'cache-control': 'no-store', 'x-accel-buffering': 'no' };
    return { status: 200, headers: { ...fixed, ...rateHeaders(looked.rate) }, body: stream.body };
  };
}

function resumeAfter(headers: Headers): { readonly after?: number } {
  const last = headers.get('last-event-id');
  if (last === null) return {};
  const after = Number(last);
  if (/^\d{1,16}$/.test(last) && Number.isSafeInteger(after)) return { after };
  throw new PolymniaError('invalid_input', 'Last-Event-ID must be the id of an event of this stream, or be left out.');
}

/** The wire form of all events; a failure on the way is the last one, `error`. */
async function* texts(
  first: IteratorResult<JobEvent>,
  rest: AsyncGenerator<JobEvent>,
  toProblem: (error: unknown) => unknown,
): AsyncGenerator<string> {
  if (first.done === true) return;
  yield formatEvent(first.value);
  try {
    for await (const event of rest) yield formatEvent(event);
  } catch (error) {
    yield `event: error\ndata: ${JSON.stringify(toProblem(error))}\n\n`;
  }
}

/** JSON has no raw line ends, so an event is always one `data` line. */
function formatEvent(event: JobEvent): string {
  const data = event.kind === 'progress' ? viewProgress(event.progress) : viewJob(event.job);
  return `id: ${event.seq}\nevent: ${event.kind}\ndata: ${JSON.stringify(data)}\n\n`;
}
