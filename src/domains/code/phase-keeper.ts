import { throwIfAborted } from '../../kernel/abort.ts';
import { notFound, PolymniaError, toPolymniaError } from '../../kernel/errors.ts';
import { RECORD_NOUNS } from '../../kernel/ids.ts';
import type { OperationContext, RunningJob, SpaceAccess } from '../../kernel/operation.ts';
import type { EarlierAnalysis } from './analysis/delta.ts';
import { type AnalysisParts, analysisParts, edgeBlocks, PHASES } from './analysis/result.ts';
import type { AnalysisEvent } from './analysis/task.ts';
import type { CodeAnalysesDeps } from './analysing.ts';
import { type PublishedIndex, type Repository, REPOSITORY_KIND } from './model.ts';

/** What one run works on. */
export interface AnalysisSubject {
  /** Of the analysis. */
  readonly id: string;
  readonly ctx: OperationContext;
  readonly job: RunningJob;
  readonly space: SpaceAccess;
  readonly repository: Repository;
  readonly earlier: EarlierAnalysis | undefined;
}

/** Stores the phases of one run in the order they end in, and the edges of its graph, each write fenced by the job. */
export class PhaseKeeper {
  readonly index: PublishedIndex;
  readonly #deps: CodeAnalysesDeps;
  readonly #subject: AnalysisSubject;
  readonly #startedAt: number;
  readonly #parts: AnalysisParts = {};
  #puts: Promise<void> = Promise.resolve();
  #failure: PolymniaError | undefined;
  onFailure: (failure: PolymniaError) => void = () => {};

  constructor(deps: CodeAnalysesDeps, subject: AnalysisSubject, index: PublishedIndex) {
    this.index = index;
    this.#deps = deps;
    this.#subject = subject;
    this.#startedAt = deps.clock.now();
  }

  take(event: AnalysisEvent): void {
    if (event.kind === 'progress') {
      const { phase, done, total, unit } = event;
      this.#subject.ctx.progress({ phase, done, total, unit });
      return;
    }
    this.#puts = this.#puts.then(() => this.#put(event)).catch((error: unknown) => this.#fail(error));
  }

  /** Rejects with what kept a phase from being stored. */
  async settled(): Promise<void> {
    await this.#puts;
    if (this.#failure !== undefined) throw this.#failure;
  }

  async finish(): Promise<AnalysisParts> {
    const complete = PHASES.every((name) => this.#parts[name]?.complete === true);
    await this.#store({ finishedAt: this.#deps.clock.now(), complete, phases: {} });
    return this.#parts;
  }

  async #put(event: Exclude<AnalysisEvent, { kind: 'progress' }>): Promise<void> {
    if (this.#failure !== undefined) return;
    if (event.kind === 'edges') await this.#putEdges(event);
    else await this.#putPhase(event);
  }

  /** Before their phase, which says how many there are: who reads it finds them all. */
  async #putEdges({ blocks }: Extract<AnalysisEvent, { kind: 'edges' }>): Promise<void> {
    const read = edgeBlocks.safeParse(blocks);
    if (!read.success) throw new PolymniaError('internal', 'The edges of the graph did not come as such.', { cause: read.error });
    const { store } = this.#deps;
    const { id, space, repository } = this.#subject;
    await this.#confirm();
    await store.putEdges(space.key, repository.uuid, id, read.data);
  }

  async #putPhase({ phase, result }: Extract<AnalysisEvent, { kind: 'phase' }>): Promise<void> {
    const read = analysisParts.shape[phase].safeParse(result);
    if (!read.success || read.data === undefined)
      throw new PolymniaError('internal', `The phase "${phase}" did not say what it found.`, { cause: read.error });
    Object.assign(this.#parts, { [phase]: read.data });
    await this.#store({ phases: { [phase]: read.data }, complete: false });
  }

  async #store(fields: {
    readonly phases: Readonly<Record<string, unknown>>;
    readonly complete: boolean;
    readonly finishedAt?: number;
  }): Promise<void> {
    const { store } = this.#deps;
    const { id, space, repository } = this.#subject;
    await this.#confirm();
    const { generation, treeId } = this.index;
    await store.putAnalysis(space.key, repository.uuid, { id, generation, treeId, startedAt: this.#startedAt, ...fields });
    if ((await store.get(space.key, repository.uuid)) === undefined) throw notFound(RECORD_NOUNS[REPOSITORY_KIND]);
  }

  /** What is written is the running job's alone. */
  async #confirm(): Promise<void> {
    const { job, ctx } = this.#subject;
    await job.confirm();
    throwIfAborted(ctx.signal);
  }

  #fail(error: unknown): void {
    this.#failure ??= toPolymniaError(error);
    this.onFailure(this.#failure);
  }
}
