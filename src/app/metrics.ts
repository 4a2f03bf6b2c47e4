import { statfs } from 'node:fs/promises';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { CallObserver, CallRecord } from '../domains/admission/index.ts';
import type { Job, JobObserver } from '../domains/jobs/index.ts';
import { ModelMetrics } from './model-metrics.ts';

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const JOB_SECONDS = [0.01, 0.05, 0.25, 1, 5, 15, 60, 300, 900, 3600, 7200];
const COMMIT_SECONDS = [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1];
const REFUSALS: ReadonlySet<string> = new Set([
  'rate_limited',
  'quota_exceeded',
  'overloaded',
  'timed_out',
  'unauthenticated',
  'forbidden',
  'not_found',
]);
const NANOSECONDS = 1e9;

/** What the server looks like at the moment of a scrape. */
export interface Readings {
  readonly lanes: readonly { readonly name: string; readonly running: number; readonly waiting: number }[];
  readonly threads: readonly { readonly role: string; readonly busy: number; readonly waiting: number }[];
  readonly handles: { readonly open: number; readonly hits: number; readonly misses: number };
  readonly walBytes: number;
  readonly eventStreams: number;
}

/** Jobs of one lane, queued and running, as a scrape finds them. */
interface JobLoad {
  readonly lane: string;
  readonly queued: number;
  readonly running: number;
  readonly oldestWaitMs: number;
}

/** Prometheus metrics. Labels are operations, lanes, outcomes: never a user. */
export class Metrics implements CallObserver, JobObserver, Disposable {
  readonly contentType: string;
  readonly models: ModelMetrics;
  readonly #registry = new Registry();
  readonly #lag = monitorEventLoopDelay({ resolution: 10 });
  readonly #calls: Counter;
  readonly #refusals: Counter;
  readonly #ran: Histogram;
  readonly #waited: Histogram;
  readonly #commits: Histogram;
  readonly #locks: Histogram;
  readonly #jobSeconds: Histogram;
  readonly #jobWaits: Histogram;
  readonly #leasesLost: Counter;
  readonly #parked: Counter;

  constructor(read: () => Readings, readJobs: () => Promise<readonly JobLoad[]>, dataDir: string) {
    const registers = [this.#registry];
    this.contentType = this.#registry.contentType;
    this.models = new ModelMetrics(this.#registry);
    this.#calls = new Counter({
      name: 'polymnia_calls_total',
      help: 'Calls by operation and outcome.',
      labelNames: ['operation', 'surface', 'outcome'],
      registers,
    });
    this.#refusals = new Counter({
      name: 'polymnia_refusals_total',
      help: 'Refused calls by lane and reason.',
      labelNames: ['lane', 'reason'],
      registers,
    });
    this.#ran = new Histogram({
      name: 'polymnia_call_seconds',
      help: 'Time from admission to the end of a call.',
      labelNames: ['operation'],
      buckets: SECONDS,
      registers,
    });
    this.#waited = new Histogram({
      name: 'polymnia_admission_wait_seconds',
      help: 'Time a call waited to be admitted.',
      labelNames: ['lane'],
      buckets: SECONDS,
      registers,
    });
    this.#commits = new Histogram({
      name: 'polymnia_commit_seconds',
      help: 'Time of one commit of a space file.',
      buckets: COMMIT_SECONDS,
      registers,
    });
    this.#locks = new Histogram({
      name: 'polymnia_lock_wait_seconds',
      help: 'Time spent waiting for the lock on a file’s life-cycle.',
      buckets: SECONDS,
      registers,
    });
    this.#jobSeconds = new Histogram({
      name: 'polymnia_job_seconds',
      help: 'Time of one run of a job, by the state it left the job in.',
      labelNames: ['operation', 'state'],
      buckets: JOB_SECONDS,
      registers,
    });
    this.#jobWaits = new Histogram({
      name: 'polymnia_job_wait_seconds',
      help: 'Time from asking for a job to the start of its run.',
      labelNames: ['lane'],
      buckets: JOB_SECONDS,
      registers,
    });
    this.#leasesLost = new Counter({
      name: 'polymnia_job_leases_lost_total',
      help: 'Runs of jobs whose result was discarded because a later run had taken their place.',
      labelNames: ['lane'],
      registers,
    });
    this.#parked = new Counter({
      name: 'polymnia_jobs_parked_total',
      help: 'Jobs failed because they kept killing their workers.',
      labelNames: ['lane'],
      registers,
    });
    this.#lag.enable();
    this.#addGauges(read, dataDir, registers);
    this.#addJobGauges(readJobs, registers);
  }

  finished(record: CallRecord): void {
    const { operation, surface, outcome, lane } = record;
    this.#calls.inc({ operation, surface, outcome });
    this.#waited.observe({ lane }, record.waitedMs / 1000);
    if (REFUSALS.has(outcome)) this.#refusals.inc({ lane, reason: outcome });
    else this.#ran.observe({ operation }, record.ranMs / 1000);
  }

  commit(seconds: number): void {
    this.#commits.observe(seconds);
  }

  lockWait(seconds: number): void {
    this.#locks.observe(seconds);
  }

  ended({ job, ranMs, waitedMs }: Parameters<JobObserver['ended']>[0]): void {
    this.#jobSeconds.observe({ operation: job.operation, state: job.state }, ranMs / 1000);
    this.#jobWaits.observe({ lane: job.lane }, waitedMs / 1000);
  }

  leaseLost({ lane }: Job): void {
    this.#leasesLost.inc({ lane });
  }

  parked({ lane }: Job): void {
    this.#parked.inc({ lane });
  }

  /** The exposition text. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  [Symbol.dispose](): void {
    this.#lag.disable();
  }

  #addJobGauges(readJobs: () => Promise<readonly JobLoad[]>, registers: Registry[]): void {
    const jobs: Gauge = new Gauge({
      name: 'polymnia_jobs',
      help: 'Jobs that wait or run, by lane.',
      labelNames: ['lane', 'state'],
      registers,
      async collect() {
        for (const { lane, queued, running } of await readJobs()) {
          jobs.set({ lane, state: 'queued' }, queued);
          jobs.set({ lane, state: 'running' }, running);
        }
      },
    });
    const oldest: Gauge = new Gauge({
      name: 'polymnia_job_oldest_wait_seconds',
      help: 'Age of the oldest job that is due and waits, by lane.',
      labelNames: ['lane'],
      registers,
      async collect() {
        for (const { lane, oldestWaitMs } of await readJobs()) oldest.set({ lane }, oldestWaitMs / 1000);
      },
    });
  }

  #addGauges(read: () => Readings, dataDir: string, registers: Registry[]): void {
    const gauge = (name: string, help: string, labelNames: string[], collect: (gauge: Gauge) => void | Promise<void>): void => {
      const made: Gauge = new Gauge({ name, help, labelNames, registers, collect: () => collect(made) });
    };
    gauge('polymnia_in_flight', 'Calls in flight by lane.', ['lane'], (g) =>
      read().lanes.forEach(({ name, running }) => g.set({ lane: name }, running)),
    );
    gauge('polymnia_waiting', 'Calls waiting by lane.', ['lane'], (g) => read().lanes.forEach(({ name, waiting }) => g.set({ lane: name }, waiting)));
    gauge('polymnia_storage_threads_busy', 'Storage threads at work.', ['role'], (g) =>
      read().threads.forEach(({ role, busy }) => g.set({ role }, busy)),
    );
    gauge('polymnia_storage_waiting', 'Store calls waiting for a thread.', ['role'], (g) =>
      read().threads.forEach(({ role, waiting }) => g.set({ role }, waiting)),
    );
    gauge('polymnia_handles_open', 'Space files open, over all threads.', [], (g) => g.set(read().handles.open));
    gauge('polymnia_handle_hits', 'Times a space file was found open.', [], (g) => g.set(read().handles.hits));
    gauge('polymnia_handle_misses', 'Times a space file had to be opened.', [], (g) => g.set(read().handles.misses));
    gauge('polymnia_event_streams', 'Open streams of job events.', [], (g) => g.set(read().eventStreams));
    gauge('polymnia_wal_bytes', 'Bytes in write-ahead logs of open files.', [], (g) => g.set(read().walBytes));
    gauge('polymnia_event_loop_lag_seconds', 'Event loop delay, 99th percentile since the last scrape.', [], (g) => {
      g.set(this.#lag.percentile(99) / NANOSECONDS);
      this.#lag.reset();
    });
    gauge('polymnia_resident_bytes', 'Resident memory of the process.', [], (g) => g.set(process.memoryUsage.rss()));
    gauge('polymnia_heap_bytes', 'Used JavaScript heap of the main thread.', [], (g) => g.set(process.memoryUsage().heapUsed));
    gauge('polymnia_disk_free_bytes', 'Free bytes on the disk that holds the data folder.', [], async (g) => {
      const disk = await statfs(dataDir);
      g.set(disk.bavail * disk.bsize);
    });
  }
}
