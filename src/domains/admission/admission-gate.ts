import { abortError, startDeadline, throwIfAborted, type Deadline } from '../../kernel/abort.ts';
import { BoundedMap } from '../../kernel/bounded-map.ts';
import type { Clock } from '../../kernel/clock.ts';
import { PolymniaError, toPolymniaError } from '../../kernel/errors.ts';
import type { Permit } from '../../kernel/fair-gate.ts';
import type { Logger } from '../../kernel/logger.ts';
import { type BoundOperation, type Caller, LANES, type OperationContext, type Principal, type SpaceAccess } from '../../kernel/operation.ts';
import { Lanes, type LaneState, type LaneTable } from './lanes.ts';
import { groundGone, LiveCalls } from './live-calls.ts';
import type { CallerStanding, CallOptions, CallOutcome, Gate, PresentedCredential, RateStanding, StreamOutcome } from './model.ts';
import { parseInput } from './parse-input.ts';
import type { Authority, CallObserver, StorageAccounts } from './ports.ts';
import { RateBook } from './rate-book.ts';
import { resolveSpaces } from './resolve-spaces.ts';
import { StorageLedger } from './storage-ledger.ts';
import { UserSlots } from './user-slots.ts';
import { UsageBook, type UserUsage } from './usage-book.ts';

export interface AdmissionDeps {
  readonly clock: Clock;
  /** Numbers in [0, 1), to spread retries. */
  readonly random: () => number;
  readonly logger: Logger;
  readonly authority: Authority;
  readonly accounts: StorageAccounts;
  readonly observer: CallObserver;
  readonly lanes: LaneTable;
  readonly maxOpsPerUser: number;
  readonly maxWaitingPerUser: number;
  readonly serviceShare: number;
  readonly maxStorageBytes: number;
  /** Check every answer against its schema: for tests, where a wrong answer must not pass. */
  readonly checkOutputs?: boolean;
}

/** How long a call that was told to stop may take to say what became of it, before its caller is answered without it. */
const STOP_GRACE_MS = 2000;
const STOPPING_RETRY_MS = 5000;
/** Cost of an operation never seen before, µs. */
const FIRST_ESTIMATE = 500;
const ESTIMATE_STEP = 1 / 8;
/** More than there are operations. */
const MAX_ESTIMATES = 1000;

/** One call on its way through the gate. */
interface Passage {
  readonly operation: BoundOperation;
  readonly principal: Principal;
  readonly options: CallOptions;
  readonly startedAt: number;
  waitedMs: number;
  cost: number;
}

/** A call that was let in: what it may use, and how to end it. */
interface Admitted extends Disposable {
  readonly input: Readonly<Record<string, unknown>>;
  readonly ctx: OperationContext;
  readonly deadline: Deadline;
}

/**
 * The gate: authenticate, authorise, rate, concurrency and fairness, deadline; storage is reserved by the operation through
 * `ctx.quota`. Every call passes it, whatever the surface, and leaves one record with the observer.
 */
export class AdmissionGate implements Gate, Disposable {
  readonly quota: StorageLedger;
  readonly #deps: AdmissionDeps;
  readonly #lanes: Lanes;
  readonly #rates: RateBook;
  readonly #slots: UserSlots;
  readonly #live = new LiveCalls();
  readonly #usage: UsageBook;
  readonly #estimates = new BoundedMap<string, number>({ maxSize: MAX_ESTIMATES });
  readonly #unsubscribe: () => void;

  constructor(deps: AdmissionDeps) {
    this.#deps = deps;
    this.#lanes = new Lanes(deps);
    this.#rates = new RateBook(deps);
    this.#slots = new UserSlots(deps.maxOpsPerUser, deps.maxWaitingPerUser);
    this.#usage = new UsageBook(deps.clock);
    this.quota = new StorageLedger({ ...deps, maxBytes: deps.maxStorageBytes });
    this.#unsubscribe = deps.authority.onAuthorityChange((change) => this.#live.end(change));
  }

  async authenticate({ authorization, onBehalfOf }: PresentedCredential): Promise<Principal> {
    const secret = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
    if (secret === undefined) {
      throw new PolymniaError('unauthenticated', 'No API key was sent. Send it as "Authorization: Bearer pmn_…".');
    }
    return this.#deps.authority.authenticate(secret, onBehalfOf);
  }

  async call(operation: BoundOperation, principal: Principal, input: unknown, options: CallOptions): Promise<CallOutcome> {
    const passage = this.#begin(operation, principal, options);
    let rate: RateStanding | undefined;
    try {
      const admitted = await this.#admit(passage, input, (standing) => (rate = standing));
      const output = await this.#run(passage, admitted);
      this.#record(passage, 'ok');
      return withRate({ ok: true, output }, rate);
    } catch (failure) {
      return withRate({ ok: false, error: this.#failed(passage, failure) }, rate ?? this.#standing(passage));
    }
  }

  async stream(operation: BoundOperation, principal: Principal, input: unknown, options: CallOptions): Promise<StreamOutcome> {
    const passage = this.#begin(operation, principal, options);
    let rate: RateStanding | undefined;
    try {
      const { stream } = operation;
      if (stream === undefined) throw new PolymniaError('invalid_input', `${operation.name} has no streaming form.`);
      const admitted = await this.#admit(passage, input, (standing) => (rate = standing));
      return withRate({ ok: true, items: this.#items(passage, admitted, stream(admitted.input, admitted.ctx)) }, rate);
    } catch (failure) {
      return withRate({ ok: false, error: this.#failed(passage, failure) }, rate ?? this.#standing(passage));
    }
  }

  /** The caller's limits and what is left of them. */
  async standing(caller: Caller): Promise<CallerStanding> {
    const usedBytes = await this.quota.used(caller.userId);
    return {
      rates: LANES.map((lane) => this.#rates.standing(caller, lane)),
      storage: { usedBytes, limitBytes: caller.limits.storageBytes ?? this.#deps.maxStorageBytes },
      running: this.#slots.running(caller.userId),
      waiting: this.#slots.waiting(caller.userId),
    };
  }

  /** Lanes and lines as they stand, at most `maxUsers` users each. */
  lanes(maxUsers: number): readonly LaneState[] {
    return this.#lanes.snapshot(maxUsers);
  }

  load(): ReturnType<Lanes['load']> {
    return this.#lanes.load();
  }

  /** The users with the largest cost of late, largest first. */
  busiest(limit: number): readonly UserUsage[] {
    return this.#usage.busiest(limit);
  }

  /** Calls and streams that run now. */
  get inFlight(): number {
    return this.#live.size;
  }

  /** The server stops: what runs is told so. Work that can go on later (imports) keeps its place. */
  endCalls(): void {
    this.#live.endAll(new PolymniaError('overloaded', 'The server is stopping.', { retryAfterMs: STOPPING_RETRY_MS }));
  }

  [Symbol.dispose](): void {
    this.#unsubscribe();
    this.#lanes[Symbol.dispose]();
  }

  #begin(operation: BoundOperation, principal: Principal, options: CallOptions): Passage {
    return { operation, principal, options, startedAt: this.#deps.clock.monotonic(), waitedMs: 0, cost: 0 };
  }

  /** Everything before the work. Input that is refused costs one unit of the rate, so that probing is not free. */
  async #admit(passage: Passage, rawInput: unknown, onRate: (standing: RateStanding) => void): Promise<Admitted> {
    const { operation, principal, options } = passage;
    const { caller } = principal;
    refuseScope(operation, principal);
    const authorised = await this.#authorise(operation, principal, rawInput);
    // From here to the list of live calls nothing waits: a loss is seen here, or ends the call from there.
    if (!this.#deps.authority.stands(principal)) throw groundGone();
    if (!authorised.ok) {
      onRate(this.#rates.take(caller, operation.lane, 1));
      throw authorised.failure;
    }
    const { input, spaces } = authorised;
    onRate(this.#rates.take(caller, operation.lane, operation.rateCost(input) * spacesCounted(operation, spaces)));
    const { timeoutMs, timeoutName } = this.#lanes.limits(operation.lane);
    const deadline = startDeadline(this.#deps.clock, timeoutMs, timeoutName, options.signal);
    const live = this.#live.add(principal, spaces, deadline);
    try {
      const permit = await this.#enter(passage, deadline);
      return this.#admitted(passage, { input, spaces, deadline, live, permit });
    } catch (failure) {
      live[Symbol.dispose]();
      deadline[Symbol.dispose]();
      throw failure;
    }
  }

  async #authorise(operation: BoundOperation, principal: Principal, rawInput: unknown) {
    try {
      const input = parseInput(operation.input, rawInput);
      return { ok: true, input, spaces: await resolveSpaces(this.#deps.authority, operation, principal, input) } as const;
    } catch (failure) {
      return { ok: false, failure } as const;
    }
  }

  /** A lane permit and one of the user's own slots, never holding the former while waiting for the latter. */
  async #enter(passage: Passage, deadline: Deadline): Promise<Permit> {
    const { operation, principal, startedAt } = passage;
    const { userId, group, weight } = principal.caller;
    const gate = this.#lanes.gate(operation.lane, operation.effect);
    const groupWeight = group === userId ? weight : this.#deps.serviceShare;
    const cost = this.#estimates.get(operation.name) ?? FIRST_ESTIMATE;
    const request = { user: userId, group, weight, groupWeight, cost, signal: deadline.signal, deadlineAt: deadline.at };
    using _line = this.#slots.line(userId);
    let permit = await gate.enter(request);
    if (!this.#slots.tryTake(userId)) {
      permit.release(0);
      await this.#slots.take(userId, deadline.signal);
      permit = await gate.enter(request).catch((failure: unknown) => {
        this.#slots.release(userId);
        throw failure;
      });
    }
    passage.waitedMs = this.#deps.clock.monotonic() - startedAt;
    return permit;
  }

  #admitted(
    passage: Passage,
    parts: { input: Readonly<Record<string, unknown>>; spaces: readonly SpaceAccess[]; deadline: Deadline; live: Disposable; permit: Permit },
  ): Admitted {
    const { deadline, live, permit } = parts;
    let open = true;
    return {
      input: parts.input,
      ctx: this.#context(passage, parts.spaces, deadline),
      deadline,
      [Symbol.dispose]: () => {
        if (!open) return;
        open = false;
        permit.release(passage.cost);
        this.#slots.release(passage.principal.caller.userId);
        live[Symbol.dispose]();
        deadline[Symbol.dispose]();
      },
    };
  }

  #context(passage: Passage, spaces: readonly SpaceAccess[], deadline: Deadline): OperationContext {
    const { principal, options } = passage;
    return {
      caller: principal.caller,
      credential: principal.credential,
      spaces,
      signal: deadline.signal,
      deadlineAt: deadline.at,
      requestId: options.requestId,
      logger: this.#deps.logger,
      meter: { add: (cost) => void (passage.cost += cost) },
      quota: this.quota,
      origin: options.origin,
      ...(options.idempotencyKey === undefined ? {} : { idempotencyKey: options.idempotencyKey }),
      ...(options.upload === undefined ? {} : { upload: options.upload }),
      progress: options.onProgress ?? (() => {}),
    };
  }

  /** The permit is held until the work has really ended, even if its caller was answered before. */
  async #run(passage: Passage, admitted: Admitted): Promise<unknown> {
    const { operation } = passage;
    const work = startWork(operation, admitted).finally(() => {
      this.#learn(operation.name, passage.cost);
      admitted[Symbol.dispose]();
    });
    const output = await this.#orStopped(work, admitted.deadline.signal);
    return this.#deps.checkOutputs === true ? operation.output.parse(output) : output;
  }

  /** The work's own outcome; once it was told to stop, that outcome within a grace time, else the reason for stopping. */
  #orStopped<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      let cancelGrace = (): void => {};
      const onAbort = (): void => {
        cancelGrace = this.#deps.clock.after(STOP_GRACE_MS, () => reject(abortError(signal)));
      };
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) onAbort();
      work.then(resolve, reject).finally(() => {
        signal.removeEventListener('abort', onAbort);
        cancelGrace();
      });
    });
  }

  /** Ends once, whoever ends it: the last item, a failure, the reader going away, or the deadline while nobody reads. */
  #items(passage: Passage, admitted: Admitted, items: AsyncIterable<unknown>): AsyncIterableIterator<unknown> {
    const source = items[Symbol.asyncIterator]();
    const { signal } = admitted.deadline;
    let open = true;
    const end = (failure?: unknown): void => {
      if (!open) return;
      open = false;
      signal.removeEventListener('abort', onAbort);
      admitted[Symbol.dispose]();
      if (failure === undefined) this.#record(passage, 'ok');
      else this.#failed(passage, failure);
    };
    const onAbort = (): void => end(abortError(signal));
    signal.addEventListener('abort', onAbort, { once: true });
    return {
      [Symbol.asyncIterator]() {
        return this;
      },
      async next() {
        try {
          // What was read ahead is not given out on authority that is gone.
          throwIfAborted(signal);
          const result = await source.next();
          if (result.done === true) end();
          return result;
        } catch (failure) {
          end(failure);
          throw toPolymniaError(failure);
        }
      },
      async return() {
        await source.return?.();
        end();
        return { done: true, value: undefined };
      },
    };
  }

  #learn(name: string, cost: number): void {
    const known = this.#estimates.get(name) ?? cost;
    this.#estimates.set(name, known + (cost - known) * ESTIMATE_STEP);
  }

  #standing({ principal, operation }: Passage): RateStanding {
    return this.#rates.standing(principal.caller, operation.lane);
  }

  #failed(passage: Passage, failure: unknown): PolymniaError {
    const error = toPolymniaError(failure);
    this.#record(passage, error.code, error);
    return error;
  }

  #record(passage: Passage, outcome: 'ok' | PolymniaError['code'], error?: PolymniaError): void {
    const { operation, principal, options, startedAt, waitedMs, cost } = passage;
    const ranMs = this.#deps.clock.monotonic() - startedAt - waitedMs;
    this.#usage.add(principal.caller.userId, cost, outcome);
    const serious = outcome === 'internal' || outcome === 'storage_unavailable';
    this.#deps.observer.finished({
      operation: operation.name,
      lane: operation.lane,
      surface: options.origin.surface,
      caller: principal.caller,
      requestId: options.requestId,
      outcome,
      waitedMs,
      ranMs,
      cost,
      ...(serious ? { error } : {}),
    });
  }
}

/** An operation that throws before its first await rejects like any other. */
async function startWork(operation: BoundOperation, { input, ctx }: Admitted): Promise<unknown> {
  return operation.run(input, ctx);
}

function refuseScope(operation: BoundOperation, principal: Principal): void {
  const { scope } = operation;
  if (scope === null || principal.credential.scopes.includes(scope)) return;
  throw new PolymniaError('forbidden', `${operation.name} needs a credential with scope ${scope}.`, { details: { neededScope: scope } });
}

/** A ranked read is one read per space. */
function spacesCounted({ target }: BoundOperation, spaces: readonly SpaceAccess[]): number {
  return target.kind === 'spaces' ? Math.max(1, spaces.length) : 1;
}

function withRate<T extends object>(outcome: T, rate: RateStanding | undefined): T & { readonly rate?: RateStanding } {
  return rate === undefined ? outcome : { ...outcome, rate };
}
