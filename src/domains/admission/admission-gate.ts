import { startDeadline, type Deadline } from '../../kernel/abort.ts';
import { BoundedMap } from '../../kernel/bounded-map.ts';
import type { Clock } from '../../kernel/clock.ts';
import { PolymniaError, toPolymniaError } from '../../kernel/errors.ts';
import type { Logger } from '../../kernel/logger.ts';
import {
  type BoundOperation,
  type Caller,
  type Lane,
  LANES,
  type OperationContext,
  type Principal,
  type SpaceAccess,
} from '../../kernel/operation.ts';
import { isJob, isJobLane, refuseScope, spacesCounted, withRate } from './call-rules.ts';
import { endingStream, orStopped } from './ending.ts';
import { Lanes, type LaneState, type LaneTable } from './lanes.ts';
import { groundGone, LiveCalls } from './live-calls.ts';
import type { CallerStanding, CallOptions, CallOutcome, Gate, PresentedCredential, RateStanding, StreamOutcome } from './model.ts';
import { parseInput } from './parse-input.ts';
import type { Authority, CallObserver, JobDoor, StorageAccounts } from './ports.ts';
import { RateBook } from './rate-book.ts';
import { resolveSpaces } from './resolve-spaces.ts';
import { StorageLedger } from './storage-ledger.ts';
import { UserSlots } from './user-slots.ts';
import { UsageBook, type UserUsage } from './usage-book.ts';
import { WaitingCalls } from './waiting-calls.ts';

export interface AdmissionDeps {
  readonly clock: Clock;
  /** Numbers in [0, 1), to spread retries. */
  readonly random: () => number;
  readonly logger: Logger;
  readonly authority: Authority;
  readonly accounts: StorageAccounts;
  readonly observer: CallObserver;
  /** Where operations that run as jobs go; without it there are none. */
  readonly jobs?: JobDoor;
  readonly lanes: LaneTable;
  readonly maxOpsPerUser: number;
  readonly maxWaitingPerUser: number;
  readonly serviceShare: number;
  readonly maxStorageBytes: number;
  /** Check every answer against its schema: for tests, where a wrong answer must not pass. */
  readonly checkOutputs?: boolean;
}

const STOPPING_RETRY_MS = 5000;
/** Nobody waits longer than this; it only must be longer than any job may wait and run. */
const LONGEST_WAIT_MS = 7 * 24 * 3_600_000;
/** The lane that pays for asking: a job itself counts in its own lane, once it is stored. */
const ASKING_LANE = 'memory';
const NO_TIMEOUT = { timeoutMs: LONGEST_WAIT_MS, timeoutName: 'the longest wait' } as const;
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

/** Gives back what a call held: its permit and slot, or its place among those that wait. */
type Leave = () => void;

/** A call whose caller may do what it asks. */
interface Authorised {
  readonly input: Readonly<Record<string, unknown>>;
  readonly spaces: readonly SpaceAccess[];
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
  readonly #waiting: WaitingCalls;
  readonly #live = new LiveCalls();
  readonly #usage: UsageBook;
  readonly #estimates = new BoundedMap<string, number>({ maxSize: MAX_ESTIMATES });
  readonly #unsubscribe: () => void;

  constructor(deps: AdmissionDeps) {
    this.#deps = deps;
    this.#lanes = new Lanes(deps);
    this.#rates = new RateBook(deps);
    this.#slots = new UserSlots(deps.maxOpsPerUser, deps.maxWaitingPerUser);
    this.#waiting = new WaitingCalls(deps.maxWaitingPerUser);
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
      const authorised = await this.#authorised(passage, input, (standing) => (rate = standing));
      const output = isJob(operation, authorised.input)
        ? await this.#runJob(passage, authorised)
        : await this.#run(passage, await this.#admit(passage, authorised, (standing) => (rate = standing)));
      const checked = this.#deps.checkOutputs === true ? operation.output.parse(output) : output;
      this.#record(passage, 'ok');
      return withRate({ ok: true, output: checked }, rate ?? (await this.#standing(passage)));
    } catch (failure) {
      return withRate({ ok: false, error: this.#failed(passage, failure) }, rate ?? (await this.#standing(passage)));
    }
  }

  async stream(operation: BoundOperation, principal: Principal, input: unknown, options: CallOptions): Promise<StreamOutcome> {
    const passage = this.#begin(operation, principal, options);
    let rate: RateStanding | undefined;
    try {
      const { stream } = operation;
      if (stream === undefined) throw new PolymniaError('invalid_input', `${operation.name} has no streaming form.`);
      const authorised = await this.#authorised(passage, input, (standing) => (rate = standing));
      const admitted = await this.#admit(passage, authorised, (standing) => (rate = standing));
      const items = endingStream(stream(admitted.input, admitted.ctx), admitted.deadline.signal, (failure) => {
        admitted[Symbol.dispose]();
        if (failure === undefined) this.#record(passage, 'ok');
        else this.#failed(passage, failure);
      });
      return withRate({ ok: true, items }, rate);
    } catch (failure) {
      return withRate({ ok: false, error: this.#failed(passage, failure) }, rate ?? this.#rates.standing(principal.caller, operation.lane));
    }
  }

  /** The caller's limits and what is left of them. */
  async standing(caller: Caller): Promise<CallerStanding> {
    const [usedBytes, rates] = await Promise.all([
      this.quota.used(caller.userId),
      Promise.all(LANES.map((lane) => this.#laneStanding(caller, lane))),
    ]);
    return {
      rates,
      storage: { usedBytes, limitBytes: caller.limits.storageBytes ?? this.#deps.maxStorageBytes },
      running: this.#slots.running(caller.userId),
      waiting: this.#slots.waiting(caller.userId) + this.#waiting.of(caller.userId),
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

  /** Scope, input and spaces. Input that is refused costs one unit of the rate, so that probing is not free. */
  async #authorised({ operation, principal }: Passage, rawInput: unknown, onRate: (standing: RateStanding) => void): Promise<Authorised> {
    refuseScope(operation, principal);
    const authorised = await this.#authorise(operation, principal, rawInput);
    this.#refuseGone(principal);
    if (authorised.ok) return authorised;
    const standing = this.#rates.take(principal.caller, operation.job === undefined ? operation.lane : ASKING_LANE, 1);
    if (operation.job === undefined) onRate(standing);
    throw authorised.failure;
  }

  /** Everything between authority and the work. */
  async #admit(passage: Passage, { input, spaces }: Authorised, onRate: (standing: RateStanding) => void): Promise<Admitted> {
    const { operation, principal, options } = passage;
    this.#refuseGone(principal);
    onRate(this.#rates.take(principal.caller, operation.lane, operation.rateCost(input) * spacesCounted(operation, spaces)));
    const { timeoutMs, timeoutName } = operation.waits === true ? NO_TIMEOUT : this.#lanes.limits(operation.lane);
    const deadline = startDeadline(this.#deps.clock, timeoutMs, timeoutName, options.signal);
    const live = this.#live.add(principal, spaces, deadline);
    try {
      const leave = operation.waits === true ? this.#wait(passage) : await this.#enter(passage, deadline);
      return this.#admitted(passage, { input, spaces, deadline, live, leave });
    } catch (failure) {
      live[Symbol.dispose]();
      deadline[Symbol.dispose]();
      throw failure;
    }
  }

  /** A job holds no permit: its call is one that waits, and its lane's line is the job table. */
  async #runJob(passage: Passage, { input, spaces }: Authorised): Promise<unknown> {
    const { operation, principal, options } = passage;
    const { jobs, clock } = this.#deps;
    const [space] = spaces;
    if (jobs === undefined || space === undefined) throw new PolymniaError('internal', `${operation.name} has nowhere to run as a job.`);
    this.#refuseGone(principal);
    this.#rates.take(principal.caller, ASKING_LANE, 1);
    using line = new DisposableStack();
    line.defer(this.#waiting.enter(principal.caller.userId));
    const deadline = line.use(startDeadline(clock, NO_TIMEOUT.timeoutMs, NO_TIMEOUT.timeoutName, options.signal));
    line.use(this.#live.add(principal, spaces, deadline));
    return await jobs.call({ operation, principal, input, space, options: { ...options, signal: deadline.signal } });
  }

  /** From here to the list of live calls nothing waits: a loss is seen here, or ends the call from there. */
  #refuseGone(principal: Principal): void {
    if (!this.#deps.authority.stands(principal)) throw groundGone();
  }

  async #authorise(operation: BoundOperation, principal: Principal, rawInput: unknown) {
    try {
      const input = parseInput(operation.input, rawInput);
      return { ok: true, input, spaces: await resolveSpaces(this.#deps.authority, operation, principal, input) } as const;
    } catch (failure) {
      return { ok: false, failure } as const;
    }
  }

  #wait({ operation, principal }: Passage): Leave {
    return operation.ownLine === true ? () => {} : this.#waiting.enter(principal.caller.userId);
  }

  /** A lane permit and one of the user's own slots, never holding the former while waiting for the latter. */
  async #enter(passage: Passage, deadline: Deadline): Promise<Leave> {
    const { operation, principal, startedAt } = passage;
    const { userId, group, weight } = principal.caller;
    const gate = this.#lanes.gate(operation.lane, operation.effect);
    const groupWeight = this.#groupWeight(principal.caller);
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
    return () => {
      permit.release(passage.cost);
      this.#slots.release(userId);
    };
  }

  #admitted(
    passage: Passage,
    parts: { input: Readonly<Record<string, unknown>>; spaces: readonly SpaceAccess[]; deadline: Deadline; live: Disposable; leave: Leave },
  ): Admitted {
    const { deadline, live, leave } = parts;
    let open = true;
    return {
      input: parts.input,
      ctx: this.#context(passage, parts.spaces, deadline),
      deadline,
      [Symbol.dispose]: () => {
        if (!open) return;
        open = false;
        leave();
        live[Symbol.dispose]();
        deadline[Symbol.dispose]();
      },
    };
  }

  #context(passage: Passage, spaces: readonly SpaceAccess[], deadline: Deadline): OperationContext {
    const { principal, options } = passage;
    return {
      caller:
        principal.caller.group === principal.caller.userId
          ? principal.caller
          : { ...principal.caller, groupWeight: this.#groupWeight(principal.caller) },
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
    return await orStopped(this.#deps.clock, work, admitted.deadline.signal);
  }

  #groupWeight({ userId, group, weight }: Caller): number {
    return group === userId ? weight : this.#deps.serviceShare;
  }

  #learn(name: string, cost: number): void {
    const known = this.#estimates.get(name) ?? cost;
    this.#estimates.set(name, known + (cost - known) * ESTIMATE_STEP);
  }

  /** Never rejects: a standing that cannot be read is left out of the answer. */
  async #standing({ principal, operation }: Passage): Promise<RateStanding | undefined> {
    if (operation.job === undefined) return this.#rates.standing(principal.caller, operation.lane);
    return this.#laneStanding(principal.caller, operation.lane).catch(() => undefined);
  }

  /** Of a lane that holds jobs and calls, the one of which less is left. */
  async #laneStanding(caller: Caller, lane: Lane): Promise<RateStanding> {
    const calls = this.#rates.standing(caller, lane);
    const { jobs } = this.#deps;
    if (jobs === undefined || !isJobLane(lane)) return calls;
    const stored = await jobs.standing(caller, lane);
    return calls.remaining < stored.remaining ? calls : stored;
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
