import { abortError, startDeadline, throwIfAborted } from '../../../kernel/abort.ts';
import { type ErrorCode, PolymniaError, toPolymniaError } from '../../../kernel/errors.ts';
import type { OperationContext, SpaceAccess } from '../../../kernel/operation.ts';
import { embedModelOf, oneSpace, storeCall, writtenWork } from '../calls.ts';
import type { MemoryServiceDeps } from '../deps.ts';
import type { ImportInput } from '../inputs.ts';
import type { ImportOutput } from '../outputs.ts';
import type { ImportState, ImportStatus } from '../store.ts';
import { sliceLines, type ParsedSlice } from './import-slices.ts';

/** Time to note the end of an import whose own time or caller is gone. */
const END_LIMIT_MS = 5000;

/** Errors that say nothing about the import: the storage is unavailable, the server stops, or a later run has taken over. */
const INTERRUPTIONS: ReadonlySet<ErrorCode> = new Set(['storage_unavailable', 'overloaded', 'conflict']);

/**
 * Takes in a spooled upload slice by slice. An import belongs to its job: a later run of the job goes on after the last slice
 * that was committed. The file goes with the job.
 */
export class ImportRunner {
  readonly #deps: MemoryServiceDeps;

  constructor(deps: MemoryServiceDeps) {
    this.#deps = deps;
  }

  async run(input: Pick<ImportInput, 'name'>, ctx: OperationContext): Promise<ImportOutput> {
    const { upload } = ctx;
    const space = oneSpace(ctx);
    if (upload === undefined) throw new PolymniaError('internal', 'An import was run without its upload.');
    const begin = { importId: importIdOf(this.#deps, ctx), user: ctx.caller.userId, spoolId: upload.spoolId, name: input.name ?? '' };
    const state = await this.#deps.store.importBegin(storeCall(ctx, space, this.#deps.clock.now()), begin);
    // Ended by an earlier run, whose answer was lost.
    if (state.status !== 'running') return toOutput(state);
    return await this.#drive(ctx, space, state, upload.bytes);
  }

  async #drive(ctx: OperationContext, space: SpaceAccess, begun: ImportState, totalBytes: number): Promise<ImportOutput> {
    let state = begun;
    try {
      for await (const slice of sliceLines(this.#deps, state, ctx.signal)) {
        throwIfAborted(ctx.signal);
        state = await this.#takeSlice(ctx, space, slice);
        ctx.progress({ phase: 'import', done: state.nextByte, total: totalBytes, unit: 'bytes', message: state.importId });
      }
    } catch (error) {
      return await this.#stop(ctx, space, state, error);
    }
    return toOutput(await this.#end(ctx, space, state, wasRead(state)));
  }

  async #takeSlice(ctx: OperationContext, space: SpaceAccess, slice: ParsedSlice): Promise<ImportState> {
    const now = this.#deps.clock.now();
    using reservation = await ctx.quota.reserve(space, slice.bytes);
    using _hold = await this.#deps.marks.hold(space.key, writtenWork(this.#deps, slice.items, now));
    const { state, addedBytes } = await this.#deps.store.importSlice(storeCall(ctx, space, now), { ...slice, ...embedModelOf(this.#deps) });
    reservation.settle(addedBytes);
    return state;
  }

  /** Cancelled, out of time, over quota, or failed: what was taken stays and is told. Nothing taken = the error itself. */
  async #stop(ctx: OperationContext, space: SpaceAccess, state: ImportState, error: unknown): Promise<ImportOutput> {
    const reason = ctx.signal.aborted ? abortError(ctx.signal) : toPolymniaError(error);
    // Not the import has failed but the server has: it stays open, and the next run of the job goes on with it.
    if (INTERRUPTIONS.has(reason.code)) throw reason;
    const ended = await this.#end(ctx, space, state, wasCutOff(state));
    if (ended.status === 'failed') throw reason;
    return { ...toOutput(ended), reason: reason.message };
  }

  /** Notes the end even when the call's own signal has been aborted. */
  async #end(ctx: OperationContext, space: SpaceAccess, state: ImportState, status: ImportStatus): Promise<ImportState> {
    const { clock, store } = this.#deps;
    using limit = startDeadline(clock, END_LIMIT_MS, 'the time to end an import');
    const call = storeCall({ ...ctx, signal: limit.signal, deadlineAt: limit.at }, space, clock.now());
    return await store.importEnd(call, state.importId, status);
  }
}

/** The job's own random bits, so that each of its runs finds the import the first one began. */
function importIdOf({ ids }: MemoryServiceDeps, { job }: OperationContext): string {
  return job === undefined ? ids.handle('imp') : job.id.replace(/^job_/, 'imp_');
}

/** The status of an import that did not reach its last line. */
function wasCutOff(state: ImportState): ImportStatus {
  return state.created + state.duplicates > 0 ? 'partial' : 'failed';
}

/** The status of an import that was read to its end. */
function wasRead(state: ImportState): ImportStatus {
  return state.badLines === 0 ? 'succeeded' : wasCutOff(state);
}

function toOutput(state: ImportState): ImportOutput {
  return {
    importId: state.importId,
    status: state.status,
    lines: state.nextLine,
    created: state.created,
    duplicates: state.duplicates,
    badLines: state.badLines,
    problems: state.bad.map(({ line, message }) => ({ line, message })),
  };
}
