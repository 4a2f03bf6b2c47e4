import { orAbort, startDeadline, throwIfAborted } from '../../kernel/abort.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Backoff } from './upkeep/backoff.ts';
import type { Embedder } from './ports.ts';
import type { SearchRequest } from './store.ts';

/** Embeds questions within their own time limit. What fails costs a search its vectors, never its answer. */
export class QueryEmbedding {
  readonly #embedder: Embedder;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #backoff: Backoff;

  constructor(embedder: Embedder, clock: Clock, timeoutMs: number) {
    this.#embedder = embedder;
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#backoff = new Backoff(clock);
  }

  /** The question's vector; undefined when the embedder is slow, failing, or has failed a moment ago. Rejects only when the caller's signal aborts. */
  async vectorOf(query: string, signal: AbortSignal): Promise<SearchRequest['vector']> {
    if (!this.#backoff.ready) return undefined;
    using limit = startDeadline(this.#clock, this.#timeoutMs, 'EMBEDDING_QUERY_TIMEOUT', signal);
    try {
      const [values] = await orAbort(this.#embedder.embed([query], limit.signal), limit.signal);
      this.#backoff.succeeded();
      return values === undefined ? undefined : { model: this.#embedder.model, values };
    } catch {
      throwIfAborted(signal);
      // The answer says `mode: "lexical"`; the sweeper, which meets the same embedder, reports it.
      this.#backoff.failed();
      return undefined;
    }
  }
}
