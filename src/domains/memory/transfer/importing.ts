import { abortError, startDeadline, throwIfAborted } from '../../../kernel/abort.ts';
import { type ErrorCode, PolymniaError, toPolymniaError } from '../../../kernel/errors.ts';
import type { OperationContext, Progress, SpaceAccess, StorageQuota, Upload } from '../../../kernel/operation.ts';
import { type CallFrame, embedModelOf, oneSpace, storeCall, writeOnceCall, writtenWork } from '../calls.ts';
import type { MemoryServiceDeps } from '../deps.ts';
import { sliceLines, type ParsedSlice } from './import-slices.ts';
import type { ImportInput } from '../inputs.ts';
import { MEMORY_LIMITS } from '../model.ts';
import type { ImportOutput } from '../outputs.ts';
import type { ImportRun, ImportState, ImportStatus } from '../store.ts';

/** How long a first mark waits: an import that runs here needs no sweeper, only one that was cut off does. */
const RESUME_AFTER_MS = 60_000;
/** Time to note the end of an import whose own time or caller is gone. */
const END_LIMIT_MS = 5000;

/** Errors that say nothing about the import: the storage is unavailable, or the server stops. */
const INTERRUPTIONS: ReadonlySet<ErrorCode> = new Set(['storage_unavailable', 'overloaded']);

/** On whose behalf an import runs: a call, or the sweeper for one that was cut off. */
export interface ImportHost extends CallFrame {
  readonly quota: StorageQuota;
  progress(progress: Progress): void;
  /** The sweeper: its stop is a pause of the import, not its end. */
  readonly background?: boolean;
  /** Asked before each slice where no live call would be told: may the import's user still write there? */
  mayGoOn?(): Promise<boolean>;
}

/** Runs imports slice by slice. Knows which ones run in this process, so that none is driven twice. */
export class ImportRunner {
  readonly #deps: MemoryServiceDeps;
  /** `space/importId`; bounded by the permits of the bulk lane and the one sweeper. */
  readonly #running = new Set<string>();

  constructor(deps: MemoryServiceDeps) {
    this.#deps = deps;
  }

  /** Takes a spooled upload, or the lines inside the call, whole. A repeat under the same idempotency key answers with the first import. */
  async start(input: ImportInput, ctx: OperationContext): Promise<ImportOutput> {
    const space = oneSpace(ctx);
    const upload = await this.#spooled(input, ctx);
    const importId = this.#deps.ids.handle('imp');
    const key = keyOf(space, importId);
    let begun = false;
    this.#running.add(key);
    try {
      const state = await this.#begin(
        ctx,
        space,
        { importId, user: ctx.caller.userId, spoolId: upload.spoolId, name: input.name ?? '' },
        upload.bytes,
      );
      begun = true;
      if (state.importId !== importId) return await this.#earlier(ctx, space, state, upload);
      return await this.#drive(ctx, space, state, { totalBytes: upload.bytes, maxSlices: Infinity });
    } catch (error) {
      if (!begun) await this.#deps.spool.remove(upload.spoolId);
      throw error;
    } finally {
      this.#running.delete(key);
    }
  }

  /**
   * Goes on with an import that was cut off, for at most `maxSlices`. True when it has ended. The host's user must have been
   * found to have the right still; see {@link giveUp} for the other case.
   */
  async resume(host: ImportHost, space: SpaceAccess, state: ImportState, maxSlices: number): Promise<boolean> {
    const key = keyOf(space, state.importId);
    if (this.#running.has(key)) return false;
    this.#running.add(key);
    try {
      const totalBytes = await this.#deps.spool.size(state.spoolId);
      if (totalBytes === undefined) return await this.giveUp(host, space, state);
      const output = await this.#drive(host, space, state, { totalBytes, maxSlices });
      return output.status !== 'running';
    } finally {
      this.#running.delete(key);
    }
  }

  /** Ends an import that cannot go on: its user may no longer write there, or its file is gone. */
  async giveUp(host: CallFrame, space: SpaceAccess, state: ImportState): Promise<true> {
    await this.#end(host, space, state, wasCutOff(state));
    return true;
  }

  /** Does this import run in this process now? */
  isRunning(space: SpaceAccess, importId: string): boolean {
    return this.#running.has(keyOf(space, importId));
  }

  async #begin(ctx: OperationContext, space: SpaceAccess, run: ImportRun, bytes: number): Promise<ImportState> {
    const now = this.#deps.clock.now();
    using _hold = await this.#deps.marks.hold(space.key, [{ kind: 'import', dueAt: now + RESUME_AFTER_MS }]);
    return await this.#deps.store.importBegin(writeOnceCall(ctx, space, now, 'import_memories', { name: run.name, bytes }), run);
  }

  async #spooled(input: ImportInput, ctx: OperationContext): Promise<Upload> {
    const { data } = input;
    if ((ctx.upload === undefined) === (data === undefined)) {
      throw new PolymniaError('invalid_input', 'Give the lines either as "data" or as an upload of type application/x-ndjson, one of the two.', {
        details: { field: 'data' },
      });
    }
    if (data === undefined && ctx.upload !== undefined) return ctx.upload;
    return this.#deps.spool.write([Buffer.from((data ?? '').toWellFormed())], MEMORY_LIMITS.importDataBytes * 3, ctx.signal);
  }

  async #earlier(ctx: OperationContext, space: SpaceAccess, begun: ImportState, upload: Upload): Promise<ImportOutput> {
    await this.#deps.spool.remove(upload.spoolId);
    const state = await this.#deps.store.importState(storeCall(ctx, space, this.#deps.clock.now()), begun.importId);
    return toOutput(state ?? begun);
  }

  async #drive(
    host: ImportHost,
    space: SpaceAccess,
    begun: ImportState,
    limits: { readonly totalBytes: number; readonly maxSlices: number },
  ): Promise<ImportOutput> {
    let state = begun;
    try {
      let slices = 0;
      for await (const slice of sliceLines(this.#deps, state, host.signal)) {
        throwIfAborted(host.signal);
        if ((await host.mayGoOn?.()) === false) throw new PolymniaError('forbidden', 'The user of the import may no longer write there.');
        state = await this.#takeSlice(host, space, slice);
        host.progress({ phase: 'import', done: state.nextByte, total: limits.totalBytes, unit: 'bytes', message: state.importId });
        slices += 1;
        if (slices >= limits.maxSlices) return toOutput(state);
      }
    } catch (error) {
      return await this.#stop(host, space, state, error);
    }
    return toOutput(await this.#end(host, space, state, wasRead(state)));
  }

  async #takeSlice(host: ImportHost, space: SpaceAccess, slice: ParsedSlice): Promise<ImportState> {
    const now = this.#deps.clock.now();
    using reservation = await host.quota.reserve(space, slice.bytes);
    using _hold = await this.#deps.marks.hold(space.key, writtenWork(this.#deps, slice.items, now));
    const { state, addedBytes } = await this.#deps.store.importSlice(storeCall(host, space, now), { ...slice, ...embedModelOf(this.#deps) });
    reservation.settle(addedBytes);
    return state;
  }

  /** Cancelled, out of time, over quota, or failed: what was taken stays and is told. Nothing taken = the error itself. */
  async #stop(host: ImportHost, space: SpaceAccess, state: ImportState, error: unknown): Promise<ImportOutput> {
    const reason = host.signal.aborted ? abortError(host.signal) : toPolymniaError(error);
    // Not the import has failed but the server has: it stays open, and the sweeper goes on with it.
    const interrupted = INTERRUPTIONS.has(reason.code) || (host.background === true && host.signal.aborted);
    if (interrupted) throw goesOn(reason, state.importId);
    const ended = await this.#end(host, space, state, wasCutOff(state));
    if (ended.status === 'failed') throw reason;
    return { ...toOutput(ended), reason: reason.message };
  }

  /** Notes the end even when the call's own signal has been aborted, then lets go of the file. */
  async #end(host: CallFrame, space: SpaceAccess, state: ImportState, status: ImportStatus): Promise<ImportState> {
    const { clock, store, spool } = this.#deps;
    using limit = startDeadline(clock, END_LIMIT_MS, 'the time to end an import');
    const call = storeCall({ ...host, signal: limit.signal, deadlineAt: limit.at }, space, clock.now());
    const ended = await store.importEnd(call, state.importId, status);
    await spool.remove(state.spoolId);
    return ended;
  }
}

/** Tells whoever waits that sending it again would be wrong. */
function goesOn(reason: PolymniaError, importId: string): PolymniaError {
  const message = `${reason.message} Import ${importId} is kept and goes on by itself; do not send it again.`;
  return new PolymniaError(reason.code, message, { details: { ...reason.details, importId }, cause: reason });
}

function keyOf(space: SpaceAccess, importId: string): string {
  return `${space.key}/${importId}`;
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
