import { abortError } from '../../kernel/abort.ts';
import { Bell } from '../../kernel/bell.ts';
import { PolymniaError } from '../../kernel/errors.ts';
import type { JobEvent, JobHub } from './job-hub.ts';
import type { JobWaits } from './job-waits.ts';
import { headOf, isFinal, type Job } from './model.ts';

export interface EventStreamsDeps {
  readonly hub: JobHub;
  readonly waits: JobWaits;
  /** `MAX_EVENT_STREAMS_PER_USER`. */
  readonly maxPerUser: number;
  /** `MAX_EVENT_STREAMS`. */
  readonly maxTotal: number;
}

export interface WatchRequest {
  /** Sequence number of the last event the reader has seen; without it, or when too much happened since, the job as it stands comes first. */
  readonly after?: number;
  /** Ends the stream. */
  readonly signal: AbortSignal;
}

/** Streams of a job's events, counted per user and in all. A stream is somebody who watches the job. */
export class EventStreams {
  readonly #deps: EventStreamsDeps;
  readonly #countByUser = new Map<string, number>();
  #total = 0;

  constructor(deps: EventStreamsDeps) {
    this.#deps = deps;
  }

  /** Streams open now. */
  get open(): number {
    return this.#total;
  }

  /**
   * The job's events in order, ending with its end. A reader that falls more than a ring behind is closed with `overloaded`
   * and may resume. Throws `rate_limited` or `overloaded` when there are too many streams. `read` gives the job as it is now,
   * and rejects once the reader may no longer see it.
   */
  async *watch(userId: string, id: string, { after, signal }: WatchRequest, read: () => Promise<Job>): AsyncGenerator<JobEvent> {
    using stream = new DisposableStack();
    stream.defer(this.#enter(userId));
    const { hub, waits } = this.#deps;
    const news = new Bell();
    stream.use(hub.listen(id, () => news.ring()));
    const onAbort = (): void => news.ring();
    signal.addEventListener('abort', onAbort, { once: true });
    stream.defer(() => signal.removeEventListener('abort', onAbort));
    const seqBefore = hub.lastSeq(id);
    const job = await read();
    const watcher = stream.use(waits.watch(job));
    // A number that was never given, by this server or an earlier one, stands for nothing seen.
    const isKnown = after !== undefined && after <= hub.lastSeq(id) && hub.since(id, after) !== undefined;
    let seen = isKnown ? after : undefined;
    if (seen === undefined) {
      seen = seqBefore;
      const first = snapshot(job, seqBefore);
      if (first.kind === 'end') watcher.seenEnd();
      yield first;
      if (first.kind === 'end') return;
    } else if (isFinal(job.state) && hub.lastSeq(id) <= seen) {
      return watcher.seenEnd();
    }
    for (;;) {
      if (signal.aborted) throw abortError(signal);
      const events = hub.since(id, seen);
      if (events === undefined && hub.lastSeq(id) > seen) throw tooSlow();
      for (const event of events ?? []) {
        seen = event.seq;
        if (event.kind === 'end') watcher.seenEnd();
        yield event;
        if (event.kind === 'end') return;
        if (signal.aborted) throw abortError(signal);
      }
      if (hub.lastSeq(id) <= seen) await news.rung();
    }
  }

  #enter(userId: string): () => void {
    const { maxPerUser, maxTotal } = this.#deps;
    const count = this.#countByUser.get(userId) ?? 0;
    if (count >= maxPerUser) {
      throw new PolymniaError('rate_limited', `You have ${count} event streams open; close one first.`, {
        retryAfterMs: 1000,
        details: { limit: 'MAX_EVENT_STREAMS_PER_USER' },
      });
    }
    if (this.#total >= maxTotal) {
      throw new PolymniaError('overloaded', `${maxTotal} event streams are open; the server takes no more for now.`, { retryAfterMs: 5000 });
    }
    this.#countByUser.set(userId, count + 1);
    this.#total += 1;
    return () => {
      this.#total -= 1;
      const left = (this.#countByUser.get(userId) ?? 1) - 1;
      if (left > 0) this.#countByUser.set(userId, left);
      else this.#countByUser.delete(userId);
    };
  }
}

/** The job as it stands, in the place of all events up to `seq`. */
function snapshot(job: Job, seq: number): JobEvent {
  return { seq, kind: isFinal(job.state) ? 'end' : 'state', job: headOf(job) };
}

function tooSlow(): PolymniaError {
  return new PolymniaError('overloaded', 'The reader of these events was too slow; resume after the last one it has read.', { retryAfterMs: 1000 });
}
