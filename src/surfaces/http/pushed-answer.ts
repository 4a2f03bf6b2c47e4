import { within } from '../../kernel/abort.ts';
import type { Clock } from '../../kernel/clock.ts';
import { PolymniaError } from '../../kernel/errors.ts';
import { EVENT_STREAM } from './event-stream.ts';
import { PushStream } from './push-stream.ts';
import { dropConnection, type HttpContext, type Reply, type ReplyHeaders } from './reply.ts';

/** Somebody who reads a stream, for as long as they do. */
export interface Reader {
  readonly signal: AbortSignal;
  leave(): void;
}

/** The reader behind a request: gone when the request is. */
export function readerOf(request: AbortSignal): Reader {
  const controller = new AbortController();
  const leave = (): void => controller.abort(new PolymniaError('cancelled', 'The reader of the answer has gone.'));
  request.addEventListener('abort', leave, { once: true });
  if (request.aborted) leave();
  return { signal: controller.signal, leave };
}

/** How the steps of a stream stand on the wire. */
export interface PushedForm<Item> {
  /** Undefined for a step that is not told. */
  text(item: Item): string | undefined;
  /** After the last step. */
  end(): string;
  /** In the place of what is missing, when the stream breaks off. */
  broken(failure: unknown): string;
  /** In the place of everything, when it failed before it began. */
  refused(failure: unknown): Reply;
}

export interface PushedAnswer<Item> {
  readonly items: AsyncIterable<Item>;
  readonly form: PushedForm<Item>;
  readonly headers: ReplyHeaders;
  readonly clock: Clock;
  readonly context: HttpContext;
  /** What the stream runs under: it ends when the reader has gone, or was given up. */
  readonly reader: Reader;
}

/** A failure before the first step is told by its status while the answer has not begun; longer no client is left without a byte. */
const STATUS_WITHIN_MS = 10_000;

/** A stream as server-sent events, each step as it comes. */
export async function answerPushed<Item>(answer: PushedAnswer<Item>): Promise<Reply> {
  const { items, form, headers, clock, context } = answer;
  const steps = items[Symbol.asyncIterator]();
  const first = steps.next();
  const failed = first.then(
    () => undefined,
    (reason: unknown) => ({ reason }),
  );
  const refusal = await within(clock, failed, STATUS_WITHIN_MS);
  if (refusal !== undefined) return form.refused(refusal.reason);
  const stream = new PushStream(clock, { onGone: () => answer.reader.leave(), onStall: () => dropConnection(context) });
  void stream.feed(texts(first, steps, form));
  const fixed = { 'content-type': `${EVENT_STREAM}; charset=utf-8`, 'cache-control': 'no-store', 'x-accel-buffering': 'no' };
  return { status: 200, headers: { ...fixed, ...headers }, body: stream.body };
}

async function* texts<Item>(first: Promise<IteratorResult<Item>>, steps: AsyncIterator<Item>, form: PushedForm<Item>): AsyncGenerator<string> {
  try {
    for (let step = await first; step.done !== true; step = await steps.next()) {
      const text = form.text(step.value);
      if (text !== undefined) yield text;
    }
    yield form.end();
  } catch (failure) {
    yield form.broken(failure);
  } finally {
    await steps.return?.();
  }
}
