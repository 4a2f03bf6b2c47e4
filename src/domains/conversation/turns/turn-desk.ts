import { type Deadline, startDeadline, within } from '../../../kernel/abort.ts';
import type { Clock } from '../../../kernel/clock.ts';
import { PolymniaError } from '../../../kernel/errors.ts';
import { FairGate } from '../../../kernel/fair-gate.ts';
import { KeyedLock, type LockState } from '../../../kernel/keyed-lock.ts';
import type { SpaceKey } from '../../../kernel/ids.ts';
import { flowOf, type OperationContext } from '../../../kernel/operation.ts';
import { type Authority, type LaneState, LiveCalls } from '../../admission/index.ts';
import type { Turn } from './turn.ts';

export interface TurnDeskOptions {
  readonly clock: Clock;
  /** Numbers in [0, 1), to spread retries. */
  readonly random: () => number;
  readonly authority: Pick<Authority, 'onAuthorityChange'>;
  /** `MAX_CONCURRENT_CHAT_OPS` */
  readonly capacity: number;
  /** `MAX_CONCURRENT_OPS_PER_USER` */
  readonly maxPerUser: number;
  /** `MAX_WAITING_PER_USER` */
  readonly maxWaitingPerUser: number;
  /** `CHAT_QUEUE_TIMEOUT`, ms. */
  readonly queueMs: number;
  /** `CHAT_OP_TIMEOUT`, ms, from the turn's start. */
  readonly runMs: number;
}

const LINE_NAME = 'chat turns';
const STOPPING_RETRY_MS = 5000;
/** Cost assumed of a turn until it is known. */
const USUAL_TOKENS = 1000;
/** The limit of the wait is to end it, not the lock's own. */
const LOCK_SPARE_MS = 1000;

/**
 * The turns that wait and run. One of a conversation runs, the next ones wait in order; turns of different conversations run side by
 * side up to the user's share, users are served fairly. A turn belongs to nobody's request: it ends by itself, at its deadline,
 * when it is stopped, when its user or credential goes, or when the server stops.
 */
export class TurnDesk implements AsyncDisposable {
  readonly #options: TurnDeskOptions;
  readonly #gate: FairGate;
  readonly #order: KeyedLock;
  readonly #live = new LiveCalls();
  readonly #turns = new Map<string, Turn>();
  readonly #running = new Set<Promise<void>>();
  readonly #underWay = new Map<string, number>();
  /** One for each place that is taken. */
  readonly #places = new Set<Promise<void>>();
  readonly #unsubscribe: () => void;
  #state: 'open' | 'draining' | 'ended' = 'open';

  constructor(options: TurnDeskOptions) {
    const { clock, random, capacity, maxPerUser, maxWaitingPerUser, authority } = options;
    const others = Math.max(1, capacity - 1);
    this.#options = options;
    this.#order = new KeyedLock(clock);
    this.#gate = new FairGate({
      name: LINE_NAME,
      clock,
      random,
      capacity,
      maxRunningPerUser: Math.min(maxPerUser, others),
      maxRunningPerGroup: others,
      // Whatever was let in may wait here, should others have all places: it is stored already.
      maxWaitingPerUser: maxPerUser + maxWaitingPerUser,
    });
    this.#unsubscribe = authority.onAuthorityChange((change) => this.#live.end(change));
  }

  /** The turns of a conversation of that space that are under way. */
  findIn(space: SpaceKey, conversation: string): readonly Turn[] {
    return [...this.#turns].flatMap(([key, turn]) => (key.startsWith(`${space}/`) && turn.place?.conversation === conversation ? [turn] : []));
  }

  /** Turns that run, and those that wait for their conversation or for a place. */
  load(): { readonly name: string; readonly running: number; readonly waiting: number } {
    const { running } = this.#gate;
    return { name: LINE_NAME, running, waiting: this.#running.size - running };
  }

  /** The line for a place as it stands, at most `maxUsers` users of it. */
  lane(maxUsers: number): LaneState {
    return { name: LINE_NAME, ...this.#gate.snapshot(maxUsers) };
  }

  /** Conversations with a turn under way. */
  locks(): readonly LockState[] {
    return this.#order.list();
  }

  /** The turn with that id in that space, while it is under way. */
  find(space: SpaceKey, uuid: string): Turn | undefined {
    return this.#turns.get(`${space}/${uuid}`);
  }

  /**
   * Takes one of the places a user has for messages under way, as many as may run and wait; to be taken before anything is stored, and
   * held until the turn has ended. Throws `rate_limited` when all are taken, `overloaded` when the server stops.
   */
  enter({ userId }: OperationContext['caller']): Disposable {
    if (this.#state !== 'open') throw stopping();
    const { maxPerUser, maxWaitingPerUser } = this.#options;
    const count = this.#underWay.get(userId) ?? 0;
    if (count >= maxPerUser + maxWaitingPerUser) {
      const message = `${count} of your messages wait for their answers already; let some be answered.`;
      throw new PolymniaError('rate_limited', message, { retryAfterMs: 1000, details: { limit: 'MAX_WAITING_PER_USER' } });
    }
    this.#underWay.set(userId, count + 1);
    const { promise: left, resolve: leave } = Promise.withResolvers<void>();
    this.#places.add(left);
    return {
      [Symbol.dispose]: () => {
        this.#leave(userId);
        this.#places.delete(left);
        leave();
      },
    };
  }

  /**
   * Runs `work` when the turn's time has come; `conclude` always follows, with why it failed if it did, before the next turn of the
   * conversation begins. Both get a context that ends with the turn instead of with the call.
   */
  start(turn: Turn, ctx: OperationContext, work: (ctx: OperationContext) => Promise<void>, conclude: (failure: unknown) => Promise<void>): void {
    const run = this.#run(turn, ctx, work, conclude).finally(() => this.#running.delete(run));
    this.#running.add(run);
    // Its message was being stored when the others were ended.
    if (this.#state === 'ended') turn.abort(stopping());
  }

  /** Resolves when no turn is under way, or after `graceMs`. */
  async drain(graceMs: number): Promise<void> {
    if (this.#state === 'open') this.#state = 'draining';
    await within(this.#options.clock, this.#allEnded(), graceMs);
  }

  /** Ends what is under way; resolves when that is on disk. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#state = 'ended';
    this.#unsubscribe();
    this.#live.endAll(stopping());
    await this.#allEnded();
    this.#gate.close();
  }

  /** Also what has a place and is not started yet. */
  async #allEnded(): Promise<void> {
    await Promise.all(this.#places);
    await Promise.all(this.#running);
  }

  async #run(
    turn: Turn,
    ctx: OperationContext,
    work: (ctx: OperationContext) => Promise<void>,
    conclude: (failure: unknown) => Promise<void>,
  ): Promise<void> {
    using held = new DisposableStack();
    if (turn.place !== undefined) this.#keep(turn, `${ctx.spaces[0]?.key ?? ''}/${turn.place.uuid}`, held);
    held.use(this.#live.add({ caller: ctx.caller, credential: ctx.credential }, ctx.spaces, asDeadline(turn)));
    let failure: unknown;
    try {
      await this.#turnTaken(turn, ctx, held);
      turn.state = 'running';
      turn.startedAt = this.#options.clock.now();
      using limit = startDeadline(this.#options.clock, this.#options.runMs, 'CHAT_OP_TIMEOUT', turn.signal);
      await work({ ...ctx, signal: limit.signal, deadlineAt: limit.at });
    } catch (thrown) {
      failure = thrown;
    }
    await conclude(failure);
  }

  #keep(turn: Turn, key: string, held: DisposableStack): void {
    this.#turns.set(key, turn);
    held.defer(() => void this.#turns.delete(key));
  }

  /** First its place in the conversation, then one among all that run: what waits for the former must not take up the latter. */
  async #turnTaken(turn: Turn, { caller, spaces }: OperationContext, held: DisposableStack): Promise<void> {
    const { clock, queueMs } = this.#options;
    using limit = startDeadline(clock, queueMs, 'CHAT_QUEUE_TIMEOUT', turn.signal);
    if (turn.place !== undefined) {
      const key = `${spaces[0]?.key ?? ''}/${turn.place.conversation}`;
      held.use(await this.#order.acquire(key, 'write', { holder: turn.place.uuid, timeoutMs: queueMs + LOCK_SPARE_MS, signal: limit.signal }));
    }
    const permit = await this.#gate.enter({ ...flowOf(caller), cost: USUAL_TOKENS, signal: limit.signal, deadlineAt: limit.at });
    held.defer(() => permit.release(turn.inputTokens + turn.outputTokens));
  }

  #leave(user: string): void {
    const left = (this.#underWay.get(user) ?? 1) - 1;
    if (left > 0) this.#underWay.set(user, left);
    else this.#underWay.delete(user);
  }
}

/** What lives as long as the turn is ended by ending the turn. */
function asDeadline(turn: Turn): Deadline {
  return { signal: turn.signal, at: Infinity, abort: (reason) => turn.abort(reason), [Symbol.dispose]: () => {} };
}

function stopping(): PolymniaError {
  return new PolymniaError('overloaded', 'interrupted: the server is stopping.', { retryAfterMs: STOPPING_RETRY_MS });
}
