import { startDeadline, throwIfAborted } from '../../kernel/abort.ts';
import type { Clock } from '../../kernel/clock.ts';
import { PolymniaError, toPolymniaError } from '../../kernel/errors.ts';
import type { SpaceKey } from '../../kernel/ids.ts';
import { KeyedLock } from '../../kernel/keyed-lock.ts';
import type { SpaceAccess } from '../../kernel/operation.ts';
import { type SpaceAuthority, type SweepFrame, systemCall, type WorkMarks } from '../memory/index.ts';
import type { ShortTerm } from './ports.ts';
import type { ConversationStore } from './store.ts';

export interface RetentionDeps {
  readonly store: Pick<ConversationStore, 'keepConversations'>;
  readonly shortTerm: Pick<ShortTerm, 'drop'>;
  readonly authority: SpaceAuthority;
  readonly marks: WorkMarks;
  readonly clock: Clock;
  /** `CONVERSATION_RETENTION`, ms: after so long without a message a conversation goes, and what was said in it; 0 = never. */
  readonly serverMs: number;
}

/** What bringing a space in line may take while somebody waits for it. */
const CHANGE_MS = 20_000;
/** A wait for writes that are under way: each has a limit of its own. */
const WAIT_MS = 60_000;
/** Background work that removes what has expired. */
const REMOVERS = ['turns', 'expire'] as const;

/**
 * How long conversations are kept: as their space says, or the server where that is shorter. Each conversation has its end in its row,
 * so every read knows it; a turn moves it on, and a change of retention moves all of a space.
 *
 * A change and the turns of the moment do not miss each other: a turn asks for the retention and writes under a shared lock, and a change,
 * after its commit, waits once until it has the lock alone. Turns that asked before have written then, and are moved; later ones know.
 */
export class Retention {
  readonly #deps: RetentionDeps;
  readonly #turns: KeyedLock;
  readonly #changes: KeyedLock;

  constructor(deps: RetentionDeps) {
    this.#deps = deps;
    this.#turns = new KeyedLock(deps.clock);
    this.#changes = new KeyedLock(deps.clock);
  }

  /** Runs the write of a turn, which is told how long its conversation is kept from now on, ms; undefined = for ever. */
  async write<T>(space: SpaceKey, run: (keepMs: number | undefined) => Promise<T>, signal?: AbortSignal): Promise<T> {
    using _shared = await this.#turns.acquire(space, 'read', { holder: 'turn', timeoutMs: WAIT_MS, ...(signal === undefined ? {} : { signal }) });
    const found = await this.#deps.authority.account(space);
    return await run(found && this.#keepMs(found));
  }

  /**
   * Brings a space in line with the retention it has been given, for whoever waits for that. Rejects when that fails or takes too long; the
   * background work that was noted with the change does it then.
   */
  async change(space: SpaceKey): Promise<void> {
    using limit = startDeadline(this.#deps.clock, CHANGE_MS, 'the limit of bringing conversations in line');
    try {
      await this.apply(space, { signal: limit.signal, deadlineAt: limit.at });
    } catch (failure) {
      throw notYet(failure);
    }
  }

  /** Background work of kind `retention`. What it did when it is cut off stays done, and is passed over next time. */
  async apply(space: SpaceKey, { signal, deadlineAt }: SweepFrame): Promise<void> {
    const { authority, marks, shortTerm, clock } = this.#deps;
    using _alone = await this.#changes.acquire(space, 'write', { holder: 'retention', timeoutMs: WAIT_MS, signal });
    const found = await authority.account(space);
    if (found === undefined) return;
    const keepMs = this.#keepMs(found);
    (await this.#turns.acquire(space, 'write', { holder: 'retention', timeoutMs: WAIT_MS, signal }))[Symbol.dispose]();
    const dueAt = clock.now();
    using _hold = await marks.hold(space, keepMs === undefined ? [] : REMOVERS.map((kind) => ({ kind, dueAt })));
    await this.#keepAll(found, keepMs, { signal, deadlineAt });
    await shortTerm.drop(space);
  }

  async #keepAll(space: SpaceAccess, keepMs: number | undefined, frame: SweepFrame): Promise<void> {
    const keep = keepMs === undefined ? {} : { keepMs };
    let after: string | undefined;
    for (let isDone = false; !isDone;) {
      throwIfAborted(frame.signal);
      const from = after === undefined ? {} : { after };
      const slice = await this.#deps.store.keepConversations(systemCall(this.#deps, space, frame), { ...keep, ...from });
      after = slice.next;
      isDone = slice.done;
    }
  }

  #keepMs({ conversationRetention = Infinity }: SpaceAccess): number | undefined {
    const { serverMs } = this.#deps;
    const keepMs = Math.min(conversationRetention, serverMs === 0 ? Infinity : serverMs);
    return keepMs === Infinity ? undefined : keepMs;
  }
}

function notYet(failure: unknown): PolymniaError {
  const { code, message } = toPolymniaError(failure);
  return new PolymniaError(code, `The retention is set, but not all conversations could be brought in line yet; that goes on by itself. ${message}`, {
    cause: failure,
  });
}
