import { notFound, PolymniaError } from '../../kernel/errors.ts';
import { parseRecordId, RECORD_NOUNS } from '../../kernel/ids.ts';
import { KeyedLock, type LockState } from '../../kernel/keyed-lock.ts';
import type { JoinedJob, JoiningCall, OperationContext, RunningJob, SpaceAccess } from '../../kernel/operation.ts';
import { parseJson } from '../../kernel/parse-json.ts';
import type { RepositoryServiceDeps } from './deps.ts';
import type { GetInput, ListInput, RemoveInput, SetRootsInput, SyncInput } from './inputs.ts';
import { type Repository, REPOSITORY_KIND } from './model.ts';
import { repositoryNameKey } from './names.ts';
import {
  type GetOutput,
  type ListOutput,
  type RemoveOutput,
  repositoryId,
  type RootsOutput,
  type SyncOutput,
  viewReport,
  viewRepository,
} from './outputs.ts';
import type { SyncJob } from './ports.ts';
import { type AllowedSource, chooseSource, isSame } from './source-choice.ts';
import { checkRepositoryUrl } from './source-rules.ts';
import { type SyncRequest, syncRequest } from './sync-request.ts';
import { refuseOtherSync } from './sync-join.ts';
import { runSync } from './sync-run.ts';
import { type SweepReport, sweepIndexes } from './sweeping.ts';

/** Roots an installation may allow. */
const MAX_ROOTS = 100;
/** How long a run may wait for an earlier one of the same repository that was told to stop. */
const RUN_LOCK_MS = 60_000;
/** Removed files wait for a run that was told to stop; after that the next clean-up takes them. */
const REMOVE_LOCK_MS = 60_000;
const ROOTS_LOCK = 'allowed roots';
const REMOVED = 'The repository was removed.';

/**
 * The use cases of repositories. Callers were admitted: `ctx.spaces` holds the space. What changes a repository's folders does
 * it under the repository's lock. Dispose it to wait for what goes on after an answer.
 */
export class RepositoryService implements AsyncDisposable {
  readonly #deps: RepositoryServiceDeps;
  readonly #locks: KeyedLock;
  readonly #removals = new Set<Promise<void>>();
  /** Ends the run of a repository that is removed. One a repository: runs hold its lock. */
  readonly #runs = new Map<string, AbortController>();
  readonly #ending = new AbortController();
  #sweeping: Promise<SweepReport> | undefined;

  constructor(deps: RepositoryServiceDeps) {
    this.#deps = deps;
    this.#locks = new KeyedLock(deps.clock);
  }

  /** Throws what can be seen to be wrong before a job is made of it. */
  check(input: SyncInput): void {
    const { source } = syncRequest(input);
    if (source?.kind === 'git') checkRepositoryUrl(source.url, this.#deps.settings);
  }

  /** Rejects with `conflict` when the sync of that name that waits or runs is another one than is asked for; else the caller may join it. */
  async checkJoin(input: SyncInput, { caller, space }: JoiningCall, job: JoinedJob<SyncInput>): Promise<void> {
    const asked = syncRequest(input);
    const known = await this.#deps.store.byName(space.key, asked.nameKey);
    await refuseOtherSync(this.#deps, { asked, running: syncRequest(job.input), known, userId: caller.userId, jobId: job.id });
  }

  /** Brings a repository's index to the newest state of its source. Runs as a job only. */
  async sync(input: SyncInput, ctx: OperationContext): Promise<SyncOutput> {
    const space = oneSpace(ctx);
    const job = jobOf(ctx);
    const request = syncRequest(input);
    const known = await this.#deps.store.byName(space.key, request.nameKey);
    const allowed = await chooseSource(this.#deps, request, known, ctx.caller.userId);
    const { uuid } = await this.#ensure(request, allowed, space, ctx);
    using _lock = await this.#locks.acquire(uuid, 'write', { timeoutMs: RUN_LOCK_MS, holder: job.id, signal: ctx.signal });
    const stop = new AbortController();
    this.#runs.set(uuid, stop);
    try {
      const signal = AbortSignal.any([ctx.signal, stop.signal]);
      return await this.#syncLocked({ uuid, request, allowed, space, job, signal }, ctx);
    } finally {
      this.#runs.delete(uuid);
      await this.#clearAfterRun(uuid);
    }
  }

  async list({ cursor, limit }: ListInput, ctx: OperationContext): Promise<ListOutput> {
    const space = oneSpace(ctx);
    const after = cursor === undefined ? undefined : readCursor(cursor);
    const found = await this.#deps.store.list(space.key, limit + 1, after);
    const jobs = await this.#deps.jobs.unfinished(space);
    const page = found.slice(0, limit);
    const last = page.at(-1);
    return {
      repositories: page.map((repository) => this.#view(repository, jobs)),
      ...(found.length > limit && last !== undefined && { nextCursor: writeCursor(repositoryNameKey(last.name)) }),
    };
  }

  async get({ id }: GetInput, ctx: OperationContext): Promise<GetOutput> {
    const space = oneSpace(ctx);
    const repository = await this.#deps.store.get(space.key, uuidOf(id));
    if (repository === undefined) throw noRepository();
    const view = this.#view(repository, await this.#deps.jobs.unfinished(space));
    const { lastResult, published } = repository;
    const vectors = published?.stage === 'complete' ? this.#deps.vectors?.stateOf(repository.uuid, published) : undefined;
    return {
      repository: {
        ...view,
        ...(vectors !== undefined && { vectors: { ...vectors } }),
        ...(lastResult !== undefined && { lastResult: viewReport(lastResult) }),
      },
    };
  }

  /** Hidden when resolved; its sync is told to stop, and its files go after. */
  async remove({ id }: RemoveInput, ctx: OperationContext): Promise<RemoveOutput> {
    const space = oneSpace(ctx);
    using account = await ctx.quota.reserve(space, 0);
    const repository = await this.#deps.store.remove(space.key, uuidOf(id));
    if (repository === undefined) throw noRepository();
    const freedBytes = repository.published?.indexBytes ?? 0;
    account.settle(-freedBytes);
    await this.#cancelSyncs(space, repositoryNameKey(repository.name));
    void this.#removeLater(repository.uuid);
    return { id: repositoryId(repository), name: repository.name, removed: true, freedBytes };
  }

  async roots(): Promise<RootsOutput> {
    return { roots: [...(await this.#deps.store.allowedRoots())] };
  }

  /** Folders to allow are kept by their real paths; those to take back may be gone already. */
  async setRoots({ add = [], remove = [] }: SetRootsInput, ctx: OperationContext): Promise<RootsOutput> {
    const real = await Promise.all(add.map((path) => this.#realRoot(path)));
    using _lock = await this.#locks.acquire(ROOTS_LOCK, 'write', { timeoutMs: RUN_LOCK_MS, holder: ctx.requestId, signal: ctx.signal });
    const kept = (await this.#deps.store.allowedRoots()).filter((root) => !remove.includes(root));
    const roots = [...new Set([...kept, ...real])].toSorted();
    if (roots.length > MAX_ROOTS) throw new PolymniaError('invalid_input', `At most ${MAX_ROOTS} folders can be allowed; allow one above them.`);
    await this.#deps.store.setAllowedRoots(roots);
    return { roots };
  }

  /** All repositories of a space that is deleted; answers with the bytes of their indexes. Idempotent. */
  async dropSpace(space: string): Promise<{ readonly bytes: number }> {
    const { store } = this.#deps;
    const bytes = await store.indexBytes(space);
    const uuids = await store.removeSpace(space);
    await Promise.all(uuids.map((uuid) => this.#removeLater(uuid)));
    return { bytes };
  }

  /** The repositories a deleted user made in a space that stays; answers with their number. Idempotent. */
  async purgeAuthored(space: string, author: string): Promise<{ readonly removed: number }> {
    const uuids = await this.#deps.store.removeAuthored(space, author);
    await Promise.all(uuids.map((uuid) => this.#removeLater(uuid)));
    return { removed: uuids.length };
  }

  /** Clears away what crashes and restores left. One at a time: who asks again meanwhile gets the same report. */
  sweep(): Promise<SweepReport> {
    this.#sweeping ??= sweepIndexes(this.#deps, this.#locks, this.#ending.signal).finally(() => {
      this.#sweeping = undefined;
    });
    return this.#sweeping;
  }

  /** Keeps syncs and removals from a repository's folders until it is disposed. Soon: they wait a minute. */
  hold(uuid: string, holder: string, timeoutMs: number, signal: AbortSignal): Promise<Disposable> {
    return this.#locks.acquire(uuid, 'write', { timeoutMs, holder, signal });
  }

  /** Repositories that are being changed, for administrators. */
  locks(): LockState[] {
    return this.#locks.list();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort(new PolymniaError('cancelled', 'The server is stopping.'));
    await Promise.all(this.#removals);
    await this.#sweeping?.catch(() => {});
  }

  async #ensure(request: SyncRequest, { source }: AllowedSource, space: SpaceAccess, ctx: OperationContext): Promise<Repository> {
    const { store, ids, clock, settings } = this.#deps;
    const { name, nameKey } = request;
    const wanted = { uuid: ids.uuid(), space: space.key, name, nameKey, source, createdBy: ctx.caller.userId, createdAt: clock.now() };
    const ensured = await store.ensure(wanted, settings.maxRepositories);
    if (ensured !== undefined) return ensured.repository;
    const message = `The space has ${settings.maxRepositories} repositories (MAX_REPOSITORIES_PER_SPACE); remove one first.`;
    throw new PolymniaError('quota_exceeded', message, { details: { limit: settings.maxRepositories } });
  }

  async #syncLocked({ uuid, request, allowed, space, job, signal }: LockedSync, ctx: OperationContext): Promise<SyncOutput> {
    const { store, clock } = this.#deps;
    const before = await this.#withSource(space, uuid, allowed);
    const report = await runSync(this.#deps, { ctx, signal, job, space, repository: before, allowed, mode: request.mode });
    const after = await store.get(space.key, uuid);
    if (after === undefined) throw noRepository();
    this.#deps.vectors?.wanted(uuid);
    const replaced = before.published?.generation;
    if (replaced !== undefined && replaced !== after.published?.generation) this.#retireLater(uuid, replaced);
    return { repository: viewRepository(after, undefined, clock.now()), ...viewReport(report) };
  }

  /** The repository with the source it shall have. Another one's clone is of no use. */
  async #withSource(space: SpaceAccess, uuid: string, { source }: AllowedSource): Promise<Repository> {
    const { store, folders } = this.#deps;
    const repository = await store.get(space.key, uuid);
    if (repository === undefined) throw noRepository();
    if (isSame(repository.source, source)) return repository;
    await folders.removeClone(uuid);
    await store.setSource(space.key, uuid, source);
    return { ...repository, source };
  }

  #view(repository: Repository, jobs: readonly SyncJob[]): ListOutput['repositories'][number] {
    const key = repositoryNameKey(repository.name);
    const ofIt = jobs.filter(({ nameKey }) => nameKey === key);
    return viewRepository(repository, ofIt.find(({ state }) => state === 'running') ?? ofIt[0], this.#deps.clock.now());
  }

  async #cancelSyncs(space: SpaceAccess, nameKey: string): Promise<void> {
    const { jobs } = this.#deps;
    for (const job of await jobs.unfinished(space)) if (job.nameKey === nameKey) await jobs.cancel(job.id, REMOVED);
  }

  async #realRoot(path: string): Promise<string> {
    const located = await this.#deps.sources.locate(path);
    if (located.kind === 'folder') return located.realPath;
    const why =
      located.kind === 'own_data' ? "it is the server's own data folder, or lies in it" : 'there is no such folder that the server may read';
    throw new PolymniaError('invalid_input', `The folder cannot be allowed: ${why}. Give an absolute path.`, { details: { field: 'add', path } });
  }

  /** The run of a repository that was removed meanwhile is the last to leave. A killed child left what it was fetching. */
  async #clearAfterRun(uuid: string): Promise<void> {
    const { folders, store } = this.#deps;
    if ((await store.publishedOf(uuid)) === undefined) await folders.remove(uuid);
    else await folders.removeHalfClone(uuid);
  }

  #removeLater(uuid: string): Promise<void> {
    this.#runs.get(uuid)?.abort(new PolymniaError('cancelled', REMOVED));
    return this.#later(uuid, async () => {
      const { folders, readers } = this.#deps;
      using _lock = await this.#locks.acquire(uuid, 'write', { timeoutMs: REMOVE_LOCK_MS, holder: 'removal', signal: this.#ending.signal });
      for (const generation of await folders.generations(uuid)) await readers.retire(folders.generation(uuid, generation));
      await folders.remove(uuid);
    });
  }

  #retireLater(uuid: string, generation: number): void {
    void this.#later(uuid, async () => {
      const { folders, readers } = this.#deps;
      await readers.retire(folders.generation(uuid, generation));
      await folders.removeGeneration(uuid, generation);
    });
  }

  /** What fails here is left to the next clean-up. */
  #later(uuid: string, work: () => Promise<void>): Promise<void> {
    const removal = work()
      .catch((error: unknown) => {
        if (!this.#ending.signal.aborted) this.#deps.logger.warn('an index could not be removed yet', { repository: uuid }, error);
      })
      .finally(() => this.#removals.delete(removal));
    this.#removals.add(removal);
    return removal;
  }
}

interface LockedSync {
  readonly uuid: string;
  readonly request: SyncRequest;
  readonly allowed: AllowedSource;
  readonly space: SpaceAccess;
  readonly job: RunningJob;
  /** Aborts with the call, and when the repository is removed. */
  readonly signal: AbortSignal;
}

function oneSpace(ctx: OperationContext): SpaceAccess {
  const space = ctx.spaces[0];
  if (space === undefined) throw new PolymniaError('internal', 'The call was admitted without a space.');
  return space;
}

function jobOf(ctx: OperationContext): RunningJob {
  if (ctx.job === undefined) throw new PolymniaError('internal', 'A sync runs as a job only.');
  return ctx.job;
}

/** The gate has found the space in the id already. */
function uuidOf(id: string): string {
  const parsed = parseRecordId(REPOSITORY_KIND, id);
  if (parsed === undefined) throw noRepository();
  return parsed.uuid;
}

function noRepository(): PolymniaError {
  return notFound(RECORD_NOUNS[REPOSITORY_KIND]);
}

function writeCursor(nameKey: string): string {
  return Buffer.from(JSON.stringify({ n: nameKey })).toString('base64url');
}

/** A cursor carries no right: it names a place in a list the caller was admitted to. */
function readCursor(cursor: string): string {
  const parsed = parseJson(Buffer.from(cursor, 'base64url').toString('utf8'));
  const place = typeof parsed === 'object' && parsed !== null && 'n' in parsed ? parsed.n : undefined;
  if (typeof place === 'string') return place;
  throw new PolymniaError('invalid_input', 'cursor: it comes from no answer of this operation; start without it.', { details: { field: 'cursor' } });
}
