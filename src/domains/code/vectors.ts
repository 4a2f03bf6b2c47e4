import { orAbort, sleep, throwIfAborted } from '../../kernel/abort.ts';
import { BoundedMap } from '../../kernel/bounded-map.ts';
import type { Clock } from '../../kernel/clock.ts';
import { toPolymniaError } from '../../kernel/errors.ts';
import type { Logger } from '../../kernel/logger.ts';
import { Backoff, type Embedder, embedTexts } from '../memory/index.ts';
import type { PublishedIndex } from './model.ts';
import type { IndexFolders } from './ports.ts';
import type { ChunkText, FillVectors, IndexCall, IndexSource, VectorIndex, VectorsFilled } from './search/code-index.ts';
import type { PublishedGeneration, RepositoryStore } from './store.ts';

/** What making vectors is made of. */
export interface CodeVectorsDeps {
  readonly store: Pick<RepositoryStore, 'published' | 'publishedOf'>;
  readonly folders: Pick<IndexFolders, 'generation' | 'vectors'>;
  readonly index: VectorIndex;
  readonly embedder: Embedder;
  readonly clock: Clock;
  readonly logger: Logger;
  /** EMBEDDING_BATCH: texts of one request. */
  readonly batch: number;
}

/** How far a repository's vectors are. */
export interface VectorState {
  readonly model: string;
  /** Chunks with a vector, and those that wait for theirs. */
  readonly embedded: number;
  readonly pending: number;
}

/** Repositories that wait for their turn; the walk over all of them brings back those beyond. */
const MAX_QUEUED = 10_000;
const PAGE = 200;
/** One repository's turn, before another has its own. */
const TURN_MS = 10_000;
/** Work in the index at a time, and how long it may wait for a thread. */
const STEP_MS = 100;
const STEP_LIMIT_MS = 60_000;
/** How often is looked whether a failing embedder may be tried again. */
const LOOK_MS = 500;
const NOT_SETTLED: ReadonlySet<string> = new Set(['upstream_failed', 'timed_out', 'overloaded', 'rate_limited']);

/** On whose account it runs: nobody's, and it stands in line like one user. */
const FLOW = { user: 'system', group: 'system', weight: 1 } as const;
const NO_METER = { add() {} };

/**
 * Makes the vectors of published indexes, in the background: one repository at a time, in turns, one request after another. What is
 * missing is seen in the files themselves, so a start goes on where the last one ended. A failing endpoint is left alone for up to a
 * minute; nothing else waits for it. Dispose it to end what runs.
 */
export class CodeVectors implements AsyncDisposable {
  readonly #deps: CodeVectorsDeps;
  readonly #backoff: Backoff;
  readonly #ending = new AbortController();
  readonly #queue = new Set<string>();
  readonly #states = new BoundedMap<string, VectorState & { readonly generation: number }>({ maxSize: MAX_QUEUED });
  /** Where the walk over all repositories is; undefined once it has seen them all. */
  #walked: string | undefined = '';
  #wake: () => void = () => {};
  #loop: Promise<void> | undefined;

  constructor(deps: CodeVectorsDeps) {
    this.#deps = deps;
    this.#backoff = new Backoff(deps.clock);
  }

  /** Starts the loop; does nothing if it runs. */
  start(): void {
    this.#loop ??= this.#run(this.#ending.signal);
  }

  /** A repository has a new index, whose chunks may lack vectors. */
  wanted(uuid: string): void {
    if (this.#queue.size < MAX_QUEUED) this.#queue.add(uuid);
    else this.#walked = '';
    this.#wake();
  }

  stateOf(uuid: string, { generation, chunks }: PublishedIndex): VectorState {
    const known = this.#states.get(uuid);
    if (known?.generation !== generation) return { model: this.#deps.embedder.model, embedded: 0, pending: chunks };
    const { model, embedded, pending } = known;
    return { model, embedded, pending };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    await this.#loop;
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#round(signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#deps.logger.warn('repositories without vectors could not be looked up', { code: toPolymniaError(error).code }, error);
        this.#backoff.failed();
      }
    }
  }

  async #round(signal: AbortSignal): Promise<void> {
    if (!this.#backoff.ready) return sleep(this.#deps.clock, LOOK_MS, signal);
    const woken = new Promise<void>((resolve) => (this.#wake = resolve));
    if (this.#queue.size === 0) await this.#walkOn();
    const [uuid] = this.#queue;
    if (uuid === undefined) return this.#walked === undefined ? orAbort(woken, signal) : undefined;
    this.#queue.delete(uuid);
    if (await this.#turn(uuid, signal)) this.#queue.add(uuid);
  }

  async #walkOn(): Promise<void> {
    if (this.#walked === undefined) return;
    const rows = await this.#deps.store.published(PAGE, this.#walked === '' ? undefined : this.#walked);
    this.#walked = rows.length < PAGE ? undefined : rows.at(-1)?.uuid;
    for (const { uuid, stage } of rows) if (stage === 'complete') this.#queue.add(uuid);
  }

  /** One repository's turn; true when it shall have another. */
  async #turn(uuid: string, signal: AbortSignal): Promise<boolean> {
    try {
      const hasMore = await this.#embed(uuid, signal);
      this.#backoff.succeeded();
      return hasMore;
    } catch (error) {
      throwIfAborted(signal);
      const { code } = toPolymniaError(error);
      this.#deps.logger.warn('vectors of a repository could not be made', { repository: uuid, code }, error);
      this.#backoff.failed();
      // What else fails would fail again: the next sync, or start, tries anew.
      return NOT_SETTLED.has(code);
    }
  }

  async #embed(uuid: string, signal: AbortSignal): Promise<boolean> {
    const { store, clock, embedder } = this.#deps;
    const row = await store.publishedOf(uuid);
    if (row?.generation === undefined || row.stage !== 'complete') return false;
    const endAt = clock.monotonic() + TURN_MS;
    let made: FillVectors['made'] = [];
    let after: FillVectors['after'];
    for (;;) {
      throwIfAborted(signal);
      const filled = await this.#fill({ ...row, generation: row.generation }, made, after, signal);
      if (filled === undefined) return (await store.publishedOf(uuid))?.generation !== row.generation;
      if (filled.next === undefined) return false;
      if (clock.monotonic() > endAt) return true;
      made = await vectorsFor(embedder, filled.waiting, signal);
      after = filled.next;
    }
  }

  async #fill(
    { uuid, generation }: PublishedGeneration & { readonly generation: number },
    made: FillVectors['made'],
    after: FillVectors['after'],
    signal: AbortSignal,
  ): Promise<VectorsFilled | undefined> {
    const { folders, index, embedder, clock, batch } = this.#deps;
    const source: IndexSource = { folder: folders.generation(uuid, generation), stage: 'complete', vectors: folders.vectors(uuid) };
    const call: IndexCall = { flow: FLOW, signal, deadlineAt: clock.monotonic() + STEP_LIMIT_MS, meter: NO_METER };
    const query = { model: embedder.model, made, limit: batch, budgetMs: STEP_MS, ...(after !== undefined && { after }) };
    const filled = await index.fillVectors(source, query, call);
    if (filled === undefined) return undefined;
    const { embedded, chunks } = filled;
    this.#states.set(uuid, { model: embedder.model, generation, embedded, pending: Math.max(0, chunks - embedded) });
    return filled;
  }
}

async function vectorsFor(embedder: Embedder, waiting: readonly ChunkText[], signal: AbortSignal): Promise<FillVectors['made']> {
  const texts = waiting.map(({ text }) => text);
  const vectors = texts.length === 0 ? [] : await embedTexts(embedder, texts, signal);
  return waiting.flatMap(({ hash, places }, at) => {
    const values = vectors[at];
    return values === undefined ? [] : [{ hash, places, values }];
  });
}
