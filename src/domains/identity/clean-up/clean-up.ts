import { sleep, throwIfAborted } from '../../../kernel/abort.ts';
import type { Clock } from '../../../kernel/clock.ts';
import { PolymniaError, toPolymniaError } from '../../../kernel/errors.ts';
import type { SpaceKey } from '../../../kernel/ids.ts';
import type { Logger } from '../../../kernel/logger.ts';
import type { LastUses } from '../last-uses.ts';
import type { ArchiveOutcome, IdleSpaces } from '../ports.ts';
import type { IdentityStore, ListPosition } from '../store.ts';
import { type CleanUpAction, type CleanUpReport, CleanUpTally } from './report.ts';

export interface CleanUpDeps {
  readonly store: Pick<IdentityStore, 'user' | 'idleUsers' | 'spaces' | 'spaceActiveAt'>;
  /** Of users, as far as it is not stored yet. */
  readonly activity: Pick<LastUses, 'latest' | 'flush'>;
  readonly spaces: IdleSpaces;
  readonly clock: Clock;
  readonly logger: Logger;
  /** `INACTIVE_AFTER` and `ARCHIVE_AFTER`, ms; `ARCHIVE_AFTER` 0 = never. */
  readonly inactiveAfterMs: number;
  readonly archiveAfterMs: number;
}

export interface CleanUpRequest {
  /** Tell what would be done, change nothing. */
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
  /** Told how many users and spaces have been looked at. */
  readonly onProgress?: (done: number) => void;
}

/** Users looked at in one read. */
const USERS_PAGE = 100;
/** Shared spaces looked at in one read: each walks its members. */
const SPACES_PAGE = 20;
/** Rest after a page, so that calls have their turn, and after an archived space: so many times as long as that took, and at least this. */
const PAGE_REST_MS = 2;
const ARCHIVE_REST_SHARE = 2;
const ARCHIVE_REST_MS = 10;
/** A run ends by itself before the limit of scheduled tasks does it; the next one goes on with those who are idle longest. */
const MAX_RUN_MS = 50 * 60_000;
/** Failures in a row that end a run: it is the disk, not the space. */
const MAX_FAILURES = 5;

/** A personal space whose user has been away, or a shared one all of whose members have. */
interface IdleSpace {
  readonly userId?: string;
  readonly spaceId?: string;
  readonly spaceKey: SpaceKey;
  readonly lastActiveAt: number;
}

/**
 * Tidies away what belongs to users who have been away for long: first what is only kept to be quick, later the space itself,
 * which comes back whole by itself. One space after the other with rests between, each looked at again before it is touched;
 * whoever comes back meanwhile is left alone. Nothing is ever deleted here.
 */
export class CleanUp {
  readonly #deps: CleanUpDeps;
  #isRunning = false;

  constructor(deps: CleanUpDeps) {
    this.#deps = deps;
  }

  /** One run over all users and spaces. Rejects with `conflict` while another one changes things, and when the signal aborts. */
  async run(request: CleanUpRequest): Promise<CleanUpReport> {
    if (request.dryRun) return await this.#pass(request);
    if (this.#isRunning) throw new PolymniaError('conflict', 'A clean-up is running already.');
    this.#isRunning = true;
    try {
      return await this.#pass(request);
    } finally {
      this.#isRunning = false;
    }
  }

  async #pass({ dryRun, signal, onProgress }: CleanUpRequest): Promise<CleanUpReport> {
    const { clock } = this.#deps;
    const tally = new CleanUpTally(dryRun);
    const endsAt = clock.monotonic() + MAX_RUN_MS;
    let failures = 0;
    for await (const idle of this.#idle(signal)) {
      throwIfAborted(signal);
      tally.count(idle.userId === undefined ? 'idleSharedSpaces' : 'idleUsers');
      if (this.#deps.spaces.isArchived(idle.spaceKey)) {
        tally.count('alreadyArchived');
        continue;
      }
      const action = dryRun ? await this.#rehearse(idle, tally) : await this.#tidy(idle, tally, signal);
      if (action !== undefined) tally.add({ ...shown(idle), action });
      onProgress?.(tally.seen);
      failures = action === 'failed' ? failures + 1 : 0;
      if (failures < MAX_FAILURES && clock.monotonic() < endsAt) continue;
      tally.endEarly();
      break;
    }
    return tally.report();
  }

  async *#idle(signal: AbortSignal): AsyncGenerator<IdleSpace> {
    await this.#deps.activity.flush();
    const before = this.#deps.clock.now() - this.#deps.inactiveAfterMs;
    yield* this.#idleUsers(before, signal);
    yield* this.#idleSharedSpaces(before, signal);
  }

  async *#idleUsers(before: number, signal: AbortSignal): AsyncGenerator<IdleSpace> {
    let after: ListPosition | undefined;
    for (;;) {
      const page = await this.#deps.store.idleUsers(before, { limit: USERS_PAGE, ...(after && { after }) });
      yield* page;
      const last = page.at(-1);
      if (last === undefined || page.length < USERS_PAGE) return;
      after = { at: last.lastActiveAt, id: last.userId };
      await sleep(this.#deps.clock, PAGE_REST_MS, signal);
    }
  }

  async *#idleSharedSpaces(before: number, signal: AbortSignal): AsyncGenerator<IdleSpace> {
    const { store, clock } = this.#deps;
    let after: ListPosition | undefined;
    for (;;) {
      const page = await store.spaces(undefined, { limit: SPACES_PAGE, ...(after && { after }) });
      for (const { id, key } of page) {
        const lastActiveAt = await store.spaceActiveAt(id);
        if (lastActiveAt !== undefined && lastActiveAt < before) yield { spaceId: id, spaceKey: key, lastActiveAt };
      }
      const last = page.at(-1);
      if (last === undefined || page.length < SPACES_PAGE) return;
      after = { at: last.createdAt, id: last.id };
      await sleep(clock, PAGE_REST_MS, signal);
    }
  }

  async #rehearse(idle: IdleSpace, tally: CleanUpTally): Promise<CleanUpAction | undefined> {
    if (!this.#isForArchive(idle)) return 'let_go';
    const bytes = await this.#deps.spaces.bytes(idle.spaceKey);
    if (bytes === 0) return undefined;
    tally.count('bytesBefore', bytes);
    return 'archived';
  }

  /** Undefined when there was nothing to do. Rejects when the signal aborts, and for nothing else. */
  async #tidy(idle: IdleSpace, tally: CleanUpTally, signal: AbortSignal): Promise<CleanUpAction | undefined> {
    const { spaces, clock, logger } = this.#deps;
    const startedAt = clock.monotonic();
    try {
      if (await this.#isBack(idle)) return 'in_use';
      const wasOpen = await spaces.letGo(idle.spaceKey, signal);
      const outcome = this.#isForArchive(idle) ? await spaces.archive(idle.spaceKey, signal) : 'absent';
      const action = actionOf(outcome, wasOpen);
      if (action === undefined) return undefined;
      const ms = Math.round(clock.monotonic() - startedAt);
      const bytes = typeof outcome === 'object' ? outcome : {};
      logger.info('clean-up', { ...shown(idle), action, ms, ...bytes });
      if (typeof outcome !== 'object') return action;
      tally.count('bytesBefore', outcome.fileBytes);
      tally.count('bytesAfter', outcome.packedBytes);
      await sleep(clock, Math.max(ARCHIVE_REST_MS, ms * ARCHIVE_REST_SHARE), signal);
      return action;
    } catch (error) {
      throwIfAborted(signal);
      logger.warn('clean-up failed', { ...shown(idle), code: toPolymniaError(error).code }, error);
      return 'failed';
    }
  }

  #isForArchive({ lastActiveAt }: IdleSpace): boolean {
    const { archiveAfterMs, clock } = this.#deps;
    return archiveAfterMs > 0 && clock.now() - lastActiveAt > archiveAfterMs;
  }

  /** Has anybody it belongs to been active since it was found idle? */
  async #isBack({ userId, spaceId, lastActiveAt }: IdleSpace): Promise<boolean> {
    const { activity, store } = this.#deps;
    if (userId !== undefined) {
      const noted = activity.latest(userId) ?? 0;
      return Math.max(noted, (await store.user(userId))?.lastActiveAt ?? 0) > lastActiveAt;
    }
    await activity.flush();
    return ((await store.spaceActiveAt(spaceId ?? '')) ?? 0) > lastActiveAt;
  }
}

function actionOf(outcome: ArchiveOutcome, wasOpen: boolean): CleanUpAction | undefined {
  if (typeof outcome === 'object') return 'archived';
  if (outcome === 'in_use') return 'in_use';
  return wasOpen ? 'let_go' : undefined;
}

/** Without the key, which leads to a file. */
function shown({ userId, spaceId, lastActiveAt }: IdleSpace): Omit<IdleSpace, 'spaceKey'> {
  return { ...(userId !== undefined && { userId }), ...(spaceId !== undefined && { spaceId }), lastActiveAt };
}
