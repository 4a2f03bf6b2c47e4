import type { Job } from '../../src/domains/jobs/model.ts';
import type { EnqueueOutcome, RunEnd } from '../../src/domains/jobs/store.ts';
import type { JobLane } from '../../src/kernel/operation.ts';
import { JOB_LANES } from '../../src/kernel/operation.ts';
import { createSeededRandom } from '../../src/kernel/seeded-random.ts';
import { SYSTEM_WRITES } from '../../src/storage/sqlite/system/writes/system-writes.ts';
import { type Ask, type JobLine, pick } from './job-line.ts';

const HOUR = 3_600_000;
const STEPS = 60;
const MAX_UNFINISHED = 12;
const MAX_UNFINISHED_OF_SERVICE = 18;
const SERVICE = 'service';
const BACKOFF = [1000, 2000, 4000];

/** Every other one belongs to the one service. */
type ChaosUser = Required<Pick<Ask, 'userId' | 'cap' | 'weight'>> & Pick<Ask, 'group' | 'service'>;

/** A run as its worker believes it to be; the worker may be long wrong. */
type Run = Pick<Job, 'id' | 'attempt' | 'lane' | 'userId'>;

/**
 * Users, workers, crashes and clocks at random, with books of their own. Throws when the store contradicts them: two ends of
 * one job, a cap exceeded, a counter that is not the count, a job that never ends.
 */
export class JobChaos {
  readonly #line: JobLine;
  readonly #random: () => number;
  readonly #users: readonly ChaosUser[];
  readonly #service: Required<Ask>['service'];
  readonly #maxRunning: Readonly<Record<JobLane, number>>;
  readonly #lanes: readonly JobLane[];
  readonly #workers: Run[] = [];
  /** Runs whose worker is paused, cut off or overtaken: they may come back at any time. */
  readonly #ghosts: Run[] = [];
  readonly #asked = new Map<string, string>();
  /** Ends that counted, by job and life; a retry begins another life. */
  readonly #ends = new Map<string, number>();
  readonly #lives = new Map<string, number>();
  readonly #newest = new Map<string, number>();

  constructor(line: JobLine, seed: number) {
    this.#line = line;
    this.#random = createSeededRandom(seed);
    const number = (from: number, to: number): number => pick(this.#random, from, to);
    this.#service = { weight: number(1, 4), cap: number(1, 4), maxUnfinished: MAX_UNFINISHED_OF_SERVICE };
    this.#users = Array.from({ length: number(1, 6) }, (_, n) => ({
      userId: `u${n}`,
      cap: number(1, 3),
      weight: [0.5, 1, 2, 4][number(0, 3)] ?? 1,
      ...(n % 2 === 1 && { group: SERVICE, service: this.#service }),
    }));
    this.#maxRunning = { bulk: number(1, 4), sync: number(1, 4), batch: number(1, 4) };
    this.#lanes = JOB_LANES.slice(0, number(1, 3));
  }

  run(): void {
    for (let step = 0; step < STEPS; step++) {
      this.#act();
      this.#check();
    }
    this.#drain();
    this.#check();
    this.#ensure(this.#unfinished() === 0, 'every job ends');
    for (const [job] of this.#asked) this.#ensure(this.#ends.get(this.#life(job)) === 1, `one end of ${job}`);
  }

  #act(): void {
    const dice = this.#random();
    if (dice < 0.3) this.#ask();
    else if (dice < 0.55) this.#claim();
    else if (dice < 0.7) this.#finish();
    else if (dice < 0.75) this.#stale();
    else if (dice < 0.8) this.#beat();
    else if (dice < 0.85) this.#workerGone();
    else if (dice < 0.9) this.#cancel();
    else if (dice < 0.94) this.#expire();
    else if (dice < 0.97) this.#line.now += this.#clockStep();
    else this.#administer();
  }

  /** Now and then the server dies in the middle of a write: it has not happened. Or just after it: nobody heard the answer. */
  #write<Result>(work: () => Result): { readonly result: Result; readonly heard: boolean } {
    if (this.#random() < 0.03) this.#line.lose(work);
    return { result: work(), heard: this.#random() > 0.03 };
  }

  #ask(): void {
    const user = this.#one(this.#users);
    const lane = this.#one(this.#lanes);
    const fields = {
      lane,
      priority: this.#one([1, 2, 3, 4] as const),
      estimate: this.#random() * 20,
      maxAttempts: pick(this.#random, 1, 4),
      runAt: this.#line.now + (this.#random() < 0.2 ? pick(this.#random, 1, 20_000) : 0),
      ...(this.#random() < 0.2 && { uniqueKey: `k${pick(this.#random, 0, 2)}`, spaceId: 'shared' }),
      ...(this.#random() < 0.2 && { idempotencyKey: `i${pick(this.#random, 0, 3)}` }),
    };
    const before = this.#count('user = ? and finished_at is null', user.userId);
    const ofService = user.service === undefined ? 0 : this.#count('user_group = ? and finished_at is null', SERVICE);
    const { result } = this.#write<EnqueueOutcome>(() => this.#line.ask({ ...user, ...fields, maxUnfinished: MAX_UNFINISHED }));
    if (result.kind === 'created') {
      this.#ensure(before < MAX_UNFINISHED, 'unfinished of a user');
      this.#ensure(ofService < MAX_UNFINISHED_OF_SERVICE, 'unfinished of a service');
      this.#asked.set(result.job.id, user.userId);
    } else if (result.kind === 'refused' && result.reason === 'too_many') {
      this.#ensure(result.of === 'user' ? before >= MAX_UNFINISHED : ofService >= MAX_UNFINISHED_OF_SERVICE, 'refused without reason');
    } else if (result.kind === 'joined') this.#ensure(this.#asked.has(result.job.id), 'joined a job that is there');
  }

  #claim(): void {
    const lane = this.#one(this.#lanes);
    const { result, heard } = this.#write(() => this.#line.claim(lane, pick(this.#random, 1, 3), this.#maxRunning[lane]));
    for (const { id, attempt, userId } of result) {
      this.#ensure(attempt > (this.#newest.get(id) ?? 0), 'attempts grow');
      this.#newest.set(id, attempt);
      (heard ? this.#workers : this.#ghosts).push({ id, attempt, lane, userId });
    }
  }

  #finish(): void {
    const run = this.#take(this.#workers);
    if (run === undefined) return;
    const end = this.#end();
    const { result, heard } = this.#write(() => this.#line.finish(run, this.#random() * 30, end));
    this.#note(run, result);
    if (!heard) this.#ensure(!this.#line.finish(run, 1, end) || !result, 'a finish that is repeated changes nothing');
  }

  #end(): RunEnd['end'] {
    if (this.#random() < 0.7) return { kind: 'final', state: this.#one(['succeeded', 'partial', 'failed', 'cancelled'] as const) };
    const runAt = this.#line.now + (this.#random() < 0.5 ? 0 : 5000);
    return { kind: 'again', runAt, attemptCounts: this.#random() < 0.5, crashed: this.#random() < 0.5 };
  }

  /** An end that counted belongs to the newest attempt, and to a job that had not ended before. */
  #note({ id, attempt }: Run, counted: boolean): void {
    if (!counted) return;
    this.#ensure(attempt === this.#newest.get(id), `attempt ${attempt} of ${id} is the newest`);
    this.#noteIfEnded(id);
  }

  #noteIfEnded(id: string): void {
    if (this.#count('id = ? and finished_at is not null', id) === 0) return;
    const life = this.#life(id);
    this.#ends.set(life, (this.#ends.get(life) ?? 0) + 1);
    this.#ensure(this.#ends.get(life) === 1, `two ends of ${life}`);
  }

  #stale(): void {
    const run = this.#one([...this.#ghosts, undefined]);
    if (run === undefined) return;
    this.#note(run, this.#line.succeed(run, this.#random() * 10));
  }

  #beat(): void {
    const run = this.#one([...this.#workers, ...this.#ghosts, undefined]);
    if (run === undefined) return;
    const beat = { id: run.id, attempt: run.attempt, leaseUntil: this.#line.now + 30_000, progress: null };
    const { result } = this.#write(() => SYSTEM_WRITES.heartbeatJobs(this.#line.file, { beats: [beat] }));
    const isRunning = this.#count("id = ? and state = 'running'", run.id) === 1 && this.#newest.get(run.id) === run.attempt;
    this.#ensure((result[0]?.kind === 'lost') !== isRunning, 'heartbeat tells who lost the lease');
  }

  #workerGone(): void {
    const run = this.#take(this.#workers);
    if (run !== undefined) this.#ghosts.push(run);
  }

  #cancel(): void {
    const [id, userId] = this.#one([...this.#asked, ['job_none', 'u0'] as const]);
    const before = this.#count('finished_at is not null');
    const stop = { reason: 'enough', now: this.#line.now };
    if (this.#random() < 0.7) {
      const owner = this.#random() < 0.8 ? userId : 'stranger';
      const wasOpen = this.#count('id = ? and finished_at is null', id) === 1;
      const { result } = this.#write(() => SYSTEM_WRITES.cancelJob(this.#line.file, { id, userId: owner, ...stop }));
      this.#ensure(owner === userId || result === undefined, 'nobody cancels what is not theirs');
      if (wasOpen && result?.finishedAt !== undefined) this.#noteIfEnded(id);
      return;
    }
    const { result } = this.#write(() => SYSTEM_WRITES.cancelJobs(this.#line.file, { userId, ...stop }));
    for (const job of result) if (job.finishedAt !== undefined) this.#noteIfEnded(job.id);
    this.#ensure(this.#count('finished_at is not null') - before === result.filter(({ finishedAt }) => finishedAt).length, 'cancels touch open jobs');
  }

  #expire(): void {
    const sweep = { now: this.#line.now, limit: 10, maxLosses: 3, backoffMs: BACKOFF };
    const { result } = this.#write(() => SYSTEM_WRITES.expireJobLeases(this.#line.file, sweep));
    for (const job of result) if (job.finishedAt !== undefined) this.#noteIfEnded(job.id);
  }

  #clockStep(): number {
    const dice = this.#random();
    if (dice < 0.15) return -2 * HOUR;
    return dice < 0.3 ? 2 * HOUR : pick(this.#random, 1, 45_000);
  }

  #administer(): void {
    const lane = this.#one(this.#lanes);
    const dice = this.#random();
    if (dice < 0.4) SYSTEM_WRITES.setLaneMode(this.#line.file, { lane, mode: this.#one(['open', 'open', 'paused', 'draining'] as const) });
    else if (dice < 0.7) SYSTEM_WRITES.setJobPriority(this.#line.file, { id: this.#one([...this.#asked.keys(), '']), priority: 1 });
    else this.#retry(this.#one([...this.#asked.keys(), '']));
  }

  #retry(id: string): void {
    try {
      const retried = SYSTEM_WRITES.retryJob(this.#line.file, { id, now: this.#line.now });
      if (retried !== undefined) this.#lives.set(id, (this.#lives.get(id) ?? 0) + 1);
    } catch (error) {
      this.#ensure(error instanceof Error && error.message.startsWith('The same work'), 'only a twin stands in the way of a retry');
    }
  }

  /** Time goes on, leases end, and workers that never fail take what there is. */
  #drain(): void {
    for (const lane of JOB_LANES) SYSTEM_WRITES.setLaneMode(this.#line.file, { lane, mode: 'open' });
    for (let round = 0; round < 500 && this.#unfinished() > 0; round++) {
      this.#line.now += HOUR;
      this.#expire();
      for (const lane of this.#lanes) {
        for (const job of this.#line.claim(lane, 10, this.#maxRunning[lane])) {
          this.#newest.set(job.id, job.attempt);
          this.#note({ ...job, lane }, this.#line.succeed(job, 1));
        }
      }
    }
  }

  #check(): void {
    const drift = this.#line.file.all(DRIFT);
    this.#ensure(drift.length === 0, `counters are counts: ${JSON.stringify(drift)}`);
    for (const { lane, user, running } of this.#line.file.all(
      "select lane, user, count(*) as running from jobs where state = 'running' group by 1, 2",
    )) {
      this.#ensure(Number(running) <= (this.#users.find(({ userId }) => userId === user)?.cap ?? 0), `cap of ${String(user)} in ${String(lane)}`);
    }
    for (const lane of this.#lanes) {
      const ofService = this.#count("lane = ? and user_group = ? and state = 'running'", lane, SERVICE);
      this.#ensure(ofService <= this.#service.cap, `cap of the service in ${lane}`);
    }
    for (const lane of this.#lanes) this.#ensure(this.#count("lane = ? and state = 'running'", lane) <= this.#maxRunning[lane], `cap of ${lane}`);
  }

  #unfinished(): number {
    return this.#count('finished_at is null');
  }

  #count(where: string, ...values: string[]): number {
    return Number(this.#line.file.get(`select count(*) as n from jobs where ${where}`, ...values)?.['n']);
  }

  #life(id: string): string {
    return `${id}, life ${this.#lives.get(id) ?? 0}`;
  }

  #one<Item>(items: readonly Item[]): Item {
    return items[pick(this.#random, 0, items.length - 1)] as Item;
  }

  #take<Item>(items: Item[]): Item | undefined {
    return items.splice(pick(this.#random, 0, items.length - 1), 1)[0];
  }

  #ensure(holds: boolean, what: string): void {
    if (!holds) throw new Error(`does not hold: ${what}`);
  }
}

/** Lines, groups and lanes whose counters differ from what they count, and groups that are wrong about who could run. */
const DRIFT = `
  with real as (
    select lane, user, user_group, sum(state = 'queued') as queued, sum(ready) as ready, sum(state = 'running') as running
    from jobs group by 1, 2, 3)
  select l.lane, l.user from job_lines l left join real r on r.lane = l.lane and r.user = l.user
  where l.queued <> coalesce(r.queued, 0) or l.ready <> coalesce(r.ready, 0) or l.running <> coalesce(r.running, 0)
  union all
  select g.lane, g.name from job_groups g left join (
    select lane, user_group, sum(queued) as queued, sum(ready) as ready, sum(running) as running from real group by 1, 2) r
    on r.lane = g.lane and r.user_group = g.name
  where g.queued <> coalesce(r.queued, 0) or g.ready <> coalesce(r.ready, 0) or g.running <> coalesce(r.running, 0)
    or g.able <> exists (select 1 from job_lines l where l.lane = g.lane and l.user_group = g.name and l.ready > 0 and l.running < l.cap)
  union all
  select l.lane, null from job_lanes l left join (
    select lane, sum(queued) as queued, sum(ready) as ready, sum(running) as running from real group by 1) r on r.lane = l.lane
  where l.queued <> coalesce(r.queued, 0) or l.ready <> coalesce(r.ready, 0) or l.running <> coalesce(r.running, 0)`;
