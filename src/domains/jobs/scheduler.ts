import { Cron } from 'croner';
import { orAbort, startDeadline } from '../../kernel/abort.ts';
import type { Clock } from '../../kernel/clock.ts';
import { notFound, PolymniaError, toPolymniaError } from '../../kernel/errors.ts';
import type { Logger } from '../../kernel/logger.ts';
import { repeat } from '../../kernel/repeat.ts';
import type { JobStore } from './store.ts';

/** Something the server does by itself, again and again. */
export interface ScheduledTask {
  readonly name: string;
  /** Cron pattern, five fields, UTC. */
  readonly pattern: string;
  readonly description: string;
  /** Does it once, in slices; answers with a short sentence for administrators. Rejects when the signal aborts. */
  run(signal: AbortSignal): Promise<string>;
}

/** A task with how it stands. */
export interface Schedule {
  readonly name: string;
  readonly description: string;
  readonly pattern: string;
  readonly paused: boolean;
  readonly running: boolean;
  readonly nextAt?: number;
  readonly lastRunAt?: number;
  readonly lastOutcome?: string;
}

export interface SchedulerDeps {
  readonly store: Pick<JobStore, 'schedules' | 'putSchedule' | 'setSchedulePaused' | 'takeSlot' | 'noteScheduleRun'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly tasks: readonly ScheduledTask[];
}

/** How often slots are looked for; a wall clock that was set is noticed within this. */
const LOOK_MS = 20_000;
const TASK_LIMIT_MS = 3_600_000;
const MAX_OUTCOME = 300;

interface Entry {
  readonly task: ScheduledTask;
  readonly cron: Cron;
  running: Promise<string> | undefined;
}

/**
 * Runs tasks at their times. A slot is taken in the store, so that one of any number of nodes runs it, once. Of the slots
 * missed while no server ran, the last one is made up for at the start; a task that was never seen begins with its next slot.
 */
export class Scheduler implements AsyncDisposable {
  readonly #deps: SchedulerDeps;
  readonly #entries: ReadonlyMap<string, Entry>;
  readonly #stop = new AbortController();
  #endLooks: () => Promise<void> = async () => {};

  constructor(deps: SchedulerDeps) {
    this.#deps = deps;
    this.#entries = new Map(
      deps.tasks.map((task) => [task.name, { task, cron: new Cron(task.pattern, { timezone: 'UTC', paused: true }), running: undefined }]),
    );
  }

  async start(): Promise<void> {
    const { store, clock, logger } = this.#deps;
    for (const { task } of this.#entries.values()) await store.putSchedule(task.name, task.pattern);
    await this.#look();
    this.#endLooks = repeat(clock, LOOK_MS, () => this.#look().catch((error: unknown) => logger.warn('schedules could not be looked at', {}, error)));
  }

  async list(): Promise<readonly Schedule[]> {
    const states = new Map((await this.#deps.store.schedules()).map((state) => [state.name, state]));
    return [...this.#entries.values()].map(({ task: { name, description, pattern }, cron, running }) => {
      const { paused = false, lastRunAt, lastOutcome } = states.get(name) ?? {};
      const nextAt = paused ? undefined : cron.nextRun(new Date(this.#deps.clock.now()))?.getTime();
      return {
        name,
        description,
        pattern,
        paused,
        running: running !== undefined,
        ...(nextAt === undefined ? {} : { nextAt }),
        ...(lastRunAt === undefined ? {} : { lastRunAt }),
        ...(lastOutcome === undefined ? {} : { lastOutcome }),
      };
    });
  }

  /** Runs a task beside its times; one that runs is joined. Answers with its outcome; `not_found` for an unknown name. */
  runNow(name: string): Promise<string> {
    const entry = this.#entries.get(name);
    if (entry === undefined) return Promise.reject(notFound('schedule'));
    return this.#run(entry);
  }

  async setPaused(name: string, paused: boolean): Promise<void> {
    if (!this.#entries.has(name) || !(await this.#deps.store.setSchedulePaused(name, paused))) throw notFound('schedule');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new PolymniaError('overloaded', 'The server is stopping.'));
    await this.#endLooks();
    for (const { running } of this.#entries.values()) await running;
  }

  async #look(): Promise<void> {
    const { store, clock } = this.#deps;
    for (const { name, paused, lastSlot } of await store.schedules()) {
      const entry = this.#entries.get(name);
      const slot = entry?.cron.previousRuns(1, new Date(clock.now() + 1))[0]?.getTime();
      if (entry === undefined || slot === undefined || slot <= (lastSlot ?? -Infinity)) continue;
      const isOurs = await store.takeSlot(name, slot, clock.now());
      // A task never seen before has missed nothing; one that is paused passes its slots over.
      if (isOurs && lastSlot !== undefined && !paused) void this.#run(entry);
    }
  }

  /** Never rejects. */
  #run(entry: Entry): Promise<string> {
    entry.running ??= this.#perform(entry.task).finally(() => (entry.running = undefined));
    return entry.running;
  }

  async #perform(task: ScheduledTask): Promise<string> {
    const { store, clock, logger } = this.#deps;
    using limit = startDeadline(clock, TASK_LIMIT_MS, 'the limit of a scheduled task', this.#stop.signal);
    let outcome: string;
    try {
      outcome = await orAbort(task.run(limit.signal), limit.signal);
      logger.info('scheduled task', { task: task.name, outcome });
    } catch (error) {
      outcome = `failed: ${toPolymniaError(error).message}`;
      logger.warn('scheduled task failed', { task: task.name }, error);
    }
    await store
      .noteScheduleRun(task.name, clock.now(), outcome.slice(0, MAX_OUTCOME))
      .catch((error: unknown) => logger.warn('the outcome of a scheduled task could not be noted', { task: task.name }, error));
    return outcome;
  }
}
