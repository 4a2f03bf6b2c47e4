import type { Clock } from '../../kernel/clock.ts';
import type { Progress } from '../../kernel/operation.ts';

export const EVENT_STREAM = 'text/event-stream';

const PING_MS = 15_000;
/** Pings in a row that found the reader not reading before it is given up. */
const MISSED_PINGS = 2;

/**
 * One call as server-sent events: `progress` any number of times, then `result` or `error`. Holds at most the newest
 * progress and the end: a slow reader misses progress, and is closed when it takes nothing for two pings.
 */
export class EventStream implements Disposable {
  readonly body: ReadableStream<Uint8Array>;
  readonly #encoder = new TextEncoder();
  readonly #clock: Clock;
  readonly #onGone: () => void;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #progress: string | undefined;
  #end: string | undefined;
  #missed = 0;
  #cancelPing: () => void = () => {};

  /** @param onGone called once when the reader has gone or was given up before the end. */
  constructor(clock: Clock, onGone: () => void) {
    this.#clock = clock;
    this.#onGone = onGone;
    this.body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => this.#flush(),
      cancel: () => this.#leave(),
    });
    this.#armPing();
  }

  progress(progress: Progress): void {
    this.#progress = formatEvent('progress', progress);
    this.#flush();
  }

  /** The last event; the stream closes when the reader has taken it. */
  end(event: 'result' | 'error', data: unknown): void {
    this.#end = formatEvent(event, data);
    this.#flush();
  }

  [Symbol.dispose](): void {
    this.#cancelPing();
    this.#controller = undefined;
  }

  #flush(): void {
    const controller = this.#controller;
    if (controller === undefined || (controller.desiredSize ?? 0) <= 0) return;
    this.#missed = 0;
    const text = (this.#progress ?? '') + (this.#end ?? '');
    const isLast = this.#end !== undefined;
    // Cleared first: enqueueing for a waiting reader pulls again at once.
    this.#progress = undefined;
    this.#end = undefined;
    if (isLast) this[Symbol.dispose]();
    if (text !== '') controller.enqueue(this.#encoder.encode(text));
    if (isLast) controller.close();
  }

  #armPing(): void {
    this.#cancelPing = this.#clock.after(PING_MS, () => {
      const controller = this.#controller;
      if (controller === undefined) return;
      if ((controller.desiredSize ?? 0) > 0) controller.enqueue(this.#encoder.encode(': ping\n\n'));
      else if (++this.#missed >= MISSED_PINGS) return this.#leave();
      this.#armPing();
    });
  }

  #leave(): void {
    if (this.#controller === undefined) return;
    this[Symbol.dispose]();
    this.#onGone();
  }
}

/** JSON has no raw line ends, so an event is always one `data` line. */
function formatEvent(event: string, data: unknown): string {
  return `event: ${event}\ndata: ${JSON.stringify(data) ?? 'null'}\n\n`;
}
