import type { JobCall } from '../admission/index.ts';
import type { Clock } from '../../kernel/clock.ts';
import { PolymniaError } from '../../kernel/errors.ts';
import type { Ids } from '../../kernel/ids.ts';
import { type Caller, JOB_LANES, type JobLane, type JobRules, type Lane, type Upload } from '../../kernel/operation.ts';
import type { JobLaneTable } from './job-runner.ts';
import { type Job, JOB_PRIORITIES, type NewJob } from './model.ts';
import type { JobUploads } from './ports.ts';
import type { EnqueueLimits, EnqueueOutcome, GroupLimits, JobStore } from './store.ts';
import type { UploadLedger } from './upload-ledger.ts';

export interface JobIntakeDeps {
  readonly store: JobStore;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Numbers in [0, 1), to spread retries. */
  readonly random: () => number;
  readonly uploads: JobUploads;
  readonly ledger: UploadLedger;
  readonly lanes: JobLaneTable;
  /** `MAX_JOBS_PER_USER`. */
  readonly maxPerUser: number;
  /** `SERVICE_SHARE`: how many users' worth a service and its users may have together. */
  readonly serviceShare: number;
  /** `MAX_QUEUED_JOBS`. */
  readonly maxQueuedInLane: number;
}

/** Runs of one user in one lane at the same time, so that the lane's other places stay with the others. */
const MAX_RUNNING_PER_USER = 1;
const DEFAULT_ESTIMATE = 1000;
const DEFAULT_ATTEMPTS = 3;
/** A text that is spooled; in UTF-8 three times its length at most, which its own schema bounds. */
const MAX_SPOOLED_BYTES = 16 * 1024 * 1024;
/** Input kept with a job, as JSON. */
const MAX_INPUT_BYTES = 256 * 1024;
const BUSY_RETRY_MS = 5000;

/** Takes calls in as jobs: spools what is large, counts limits in the store, and puts refusals into words. */
export class JobIntake {
  readonly #deps: JobIntakeDeps;

  constructor(deps: JobIntakeDeps) {
    this.#deps = deps;
  }

  /** The stored job, or the one it is a twin of. An upload belongs to the job from here on, if it is a new one. */
  async take(
    request: JobCall,
    input: Readonly<Record<string, unknown>>,
    background: boolean,
  ): Promise<{ readonly job: Job; readonly isNew: boolean }> {
    const { operation, options, principal } = request;
    const rules: JobRules<Readonly<Record<string, unknown>>> = operation.job ?? {};
    rules.check?.(input);
    const spooled = await this.#spooled(request, rules.spool, input);
    let isNew = false;
    let held: string | undefined;
    try {
      const subject = await rules.subject?.(input, { caller: principal.caller, space: request.space });
      const job = this.#newJob(request, { ...spooled, background, subject });
      if (job.upload !== undefined) {
        this.#deps.ledger.take(job.id, { userId: job.userId, bytes: job.upload.bytes });
        held = job.id;
      }
      const outcome = await this.#deps.store.enqueue(job, this.#limits(principal.caller, job.lane));
      if (outcome.kind === 'refused') throw this.#refusal(outcome, job, principal.caller);
      isNew = outcome.kind === 'created';
      if (outcome.kind === 'joined' && outcome.by === 'unique')
        await rules.join?.(input, { caller: principal.caller, space: request.space }, outcome.job);
      if (isNew) options.onUploadTaken?.();
      return { job: outcome.job, isNew };
    } finally {
      if (!isNew && held !== undefined) this.#deps.ledger.release(held);
      // One that the call brought along is the surface's to remove.
      if (!isNew && spooled.upload !== undefined && options.upload === undefined) await this.#deps.uploads.remove(spooled.upload.spoolId);
    }
  }

  #newJob(
    { operation, principal, space, options }: JobCall,
    { input, upload, background, subject }: Pick<NewJob, 'input' | 'upload' | 'background'> & { readonly subject: string | undefined },
  ): NewJob {
    const rules: JobRules<Readonly<Record<string, unknown>>> = operation.job ?? {};
    const now = this.#deps.clock.now();
    refuseLargeInput(input);
    const uniqueKey = rules.uniqueKey?.(input);
    return {
      id: this.#deps.ids.handle('job'),
      userId: principal.caller.userId,
      group: principal.caller.group,
      spaceId: space.id,
      spaceKey: space.key,
      operation: operation.name,
      lane: jobLaneOf(operation.lane),
      input,
      ...(subject === undefined ? {} : { subject }),
      priority: JOB_PRIORITIES.normal,
      maxAttempts: rules.maxAttempts ?? DEFAULT_ATTEMPTS,
      estimate: rules.estimate ?? DEFAULT_ESTIMATE,
      ...(uniqueKey === undefined ? {} : { uniqueKey }),
      ...(options.idempotencyKey === undefined ? {} : { idempotencyKey: options.idempotencyKey }),
      background,
      origin: options.origin,
      ...(upload === undefined ? {} : { upload }),
      createdAt: now,
      runAt: now,
    };
  }

  /** The input as it is kept, its large text as a file. */
  async #spooled(
    { operation, options }: JobCall,
    field: string | undefined,
    input: Readonly<Record<string, unknown>>,
  ): Promise<{ readonly input: Readonly<Record<string, unknown>>; readonly upload?: Upload }> {
    const { upload, signal } = options;
    if (field === undefined) return { input, ...(upload === undefined ? {} : { upload }) };
    const { [field]: text, ...rest } = input;
    if ((upload === undefined) === (typeof text !== 'string')) {
      const type = operation.upload?.mediaType ?? 'application/octet-stream';
      throw new PolymniaError('invalid_input', `Give the data either as "${field}" or as an upload of type ${type}, one of the two.`, {
        details: { field },
      });
    }
    if (typeof text !== 'string') return { input: rest, ...(upload === undefined ? {} : { upload }) };
    return { input: rest, upload: await this.#deps.uploads.write([Buffer.from(text.toWellFormed())], MAX_SPOOLED_BYTES, signal) };
  }

  #limits(caller: Caller, lane: JobLane): EnqueueLimits {
    const { lanes, maxPerUser, maxQueuedInLane } = this.#deps;
    const { rateLimit, windowMs } = lanes[lane];
    return {
      maxUnfinished: maxPerUser,
      rate: { limit: caller.limits.rate?.[lane] ?? rateLimit, windowMs },
      maxQueuedInLane,
      weight: caller.weight,
      maxRunningPerUser: MAX_RUNNING_PER_USER,
      ...(caller.group === caller.userId ? {} : { group: this.#groupLimits(lane) }),
    };
  }

  /** Like a user, a service leaves a place of the lane to the others, where there are two. */
  #groupLimits(lane: JobLane): GroupLimits {
    const { lanes, maxPerUser, serviceShare } = this.#deps;
    const { rateLimit, max } = lanes[lane];
    return {
      maxUnfinished: maxPerUser * serviceShare,
      rateLimit: rateLimit * serviceShare,
      weight: serviceShare,
      maxRunning: Math.min(MAX_RUNNING_PER_USER * serviceShare, Math.max(1, max - 1)),
    };
  }

  #refusal(outcome: EnqueueOutcome & { kind: 'refused' }, { lane, createdAt }: NewJob, caller: Caller): PolymniaError {
    const { lanes, maxPerUser, maxQueuedInLane, serviceShare, random } = this.#deps;
    const busy = { retryAfterMs: Math.round(BUSY_RETRY_MS * (1 + random())) };
    switch (outcome.reason) {
      case 'rate': {
        const { rateLimit, windowMs } = lanes[lane];
        const [whose, limit] =
          outcome.of === 'user' ? ['Your', caller.limits.rate?.[lane] ?? rateLimit] : ["Your service's", rateLimit * serviceShare];
        return new PolymniaError('rate_limited', `${whose} rate of jobs in lane ${lane} is used up; those that did not succeed were not counted.`, {
          retryAfterMs: Math.max(1, outcome.retryAt - createdAt),
          details: { lane, limit, windowMs, of: outcome.of },
        });
      }
      case 'too_many': {
        const whose = outcome.of === 'user' ? `You have ${maxPerUser}` : `Your service has ${maxPerUser * serviceShare}`;
        return new PolymniaError('rate_limited', `${whose} jobs queued or running; wait for one to end, or cancel one.`, {
          ...busy,
          details: { limit: 'MAX_JOBS_PER_USER', of: outcome.of },
        });
      }
      case 'lane_full':
        return new PolymniaError('overloaded', `${maxQueuedInLane} jobs wait in lane ${lane}; it takes no more for now.`, busy);
      case 'draining':
        return new PolymniaError('overloaded', `Lane ${lane} takes no new jobs for now; an administrator is draining it.`, busy);
      case 'input_differs':
        return new PolymniaError('conflict', 'This idempotency key was used with another input; use a new key for a new job.');
    }
  }
}

function jobLaneOf(lane: Lane): JobLane {
  const found = JOB_LANES.find((each) => each === lane);
  if (found === undefined) throw new PolymniaError('internal', `Lane ${lane} runs no jobs.`);
  return found;
}

function refuseLargeInput(input: NewJob['input']): void {
  const bytes = Buffer.byteLength(JSON.stringify(input));
  if (bytes <= MAX_INPUT_BYTES) return;
  throw new PolymniaError('too_large', `The input is ${bytes} bytes; a job's input may be ${MAX_INPUT_BYTES}.`);
}
