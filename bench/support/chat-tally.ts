import { LatencyHistogram } from '../../src/surfaces/cli/load/latency-histogram.ts';
import type { ChatCounts } from './chat-plan.ts';
import type { StampedToken } from './stamp.ts';

/** An answer that takes more than this times as long as the model took has not kept the model's pace. */
const MAX_STRETCH = 1.05;

/** Counts what people are told. Holds a fixed amount, however long they talk. */
export class ChatTally {
  readonly lateness = new LatencyHistogram();
  seconds = 0;
  readonly #addedFirst = new LatencyHistogram();
  readonly #addedToken = new LatencyHistogram();
  readonly #failures: Record<string, number> = {};
  #answers = 0;
  #behind = 0;

  countToken(token: StampedToken, readAt: number): void {
    this.#addedToken.record(readAt - token.sentAt);
  }

  /** The model had the request from `requestedAt` to `sentAt`; all else of the time is the server's. */
  countFirst(askedAt: number, { sentAt, requestedAt = sentAt }: StampedToken, readAt: number): void {
    this.#addedFirst.record(requestedAt - askedAt + (readAt - sentAt));
  }

  countWhole(tookMs: number, modelTookMs: number): void {
    this.#answers += 1;
    if (tookMs > MAX_STRETCH * modelTookMs) this.#behind += 1;
  }

  countFailure(what: string): void {
    this.#failures[what] = (this.#failures[what] ?? 0) + 1;
  }

  dump(name: string): ChatCounts {
    return {
      name,
      seconds: this.seconds,
      addedFirst: this.#addedFirst.dump(),
      addedToken: this.#addedToken.dump(),
      answers: this.#answers,
      behind: this.#behind,
      failures: this.#failures,
      lateness: this.lateness.dump(),
    };
  }
}
