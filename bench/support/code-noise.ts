import { aim, type BenchContext, figure, pause, type Row } from './bench.ts';
import { copyCorpus } from './code-corpus.ts';
import { beginJob, beginJobByTool, endOfJob, type JobState } from './jobs.ts';
import { childCountOf, childCpuMsOf } from './machine.ts';
import type { Disturbance } from './noise.ts';
import { newUser, rest } from './rest.ts';
import type { ServerProcess } from './server-process.ts';

const CORPUS_BYTES = 40_000_000;
const QUICK_BYTES = 4_000_000;
const SYNCERS = 3;
/** Until a cancelled job's processes are gone. */
const MAX_STOP_MS = 1000;
const STOP_LIMIT_MS = 30_000;
const POLL_MS = 5;
/** A sync that has come no further has looked at names alone. */
const FIRST_PHASE = 'list';
const CUT_NOTE = 'with those of syncs that were cut off at the end of a phase';

/** Options under which three syncs and an analysis run at once: by default they share three child processes. */
export const CODE_NOISE_OPTIONS: Readonly<Record<string, string>> = { CODE_WORKERS: '4', MAX_STORAGE_MB: '100000' };

/** Three users who sync a large folder afresh through MCP, and one who analyses it, over and over. What still runs is cancelled at each stop. */
export async function openCodeNoise(server: ServerProcess, ctx: BenchContext): Promise<Disturbance> {
  const corpus = await copyCorpus(ctx.corpus, ctx.isQuick ? QUICK_BYTES : CORPUS_BYTES);
  try {
    await rest(server, server.key, 'POST', '/admin/code-roots', { add: [corpus.base] });
    const body = { source: corpus.source, name: 'large', mode: 'full' };
    const { key } = await newUser(server, `analyst ${performance.now()}`);
    const { repository, filesIndexed, sourceBytes } = await firstSync(server, key, body);
    ctx.log(`the folder that is synced holds ${filesIndexed} files, ${(sourceBytes / 1e6).toFixed(1)} MB`);
    const analyse = (): Promise<string> => beginJob(server, key, `/repositories/${repository.id}/analyses`, {});
    const loops = [new JobLoop({ server, key, begin: analyse })];
    for (let n = 1; n <= SYNCERS; n += 1) {
      const syncer = await newUser(server, `syncer ${n} ${performance.now()}`);
      loops.push(new JobLoop({ server, key: syncer.key, begin: () => beginJobByTool(server, syncer.key, 'sync_repository', body) }));
    }
    return new CodeNoise(server, loops, filesIndexed, corpus);
  } catch (error) {
    await corpus[Symbol.asyncDispose]();
    throw error;
  }
}

interface SyncResult {
  readonly repository: { readonly id: string };
  readonly filesIndexed: number;
  readonly sourceBytes: number;
}

async function firstSync(server: ServerProcess, key: string, body: object): Promise<SyncResult> {
  const { result } = await endOfJob(server, key, await beginJobByTool(server, key, 'sync_repository', body));
  return result as SyncResult;
}

class CodeNoise implements Disturbance {
  readonly #server: ServerProcess;
  readonly #analyst: JobLoop;
  readonly #syncers: readonly JobLoop[];
  readonly #files: number;
  readonly #corpus: AsyncDisposable;
  #startedAt = 0;
  #cpuAtStart = 0;
  #cpuMs = 0;
  #ms = 0;
  #slowestStopMs = 0;

  constructor(server: ServerProcess, [analyst, ...syncers]: readonly JobLoop[], files: number, corpus: AsyncDisposable) {
    if (analyst === undefined) throw new Error('the noise needs an analyst');
    this.#server = server;
    this.#analyst = analyst;
    this.#syncers = syncers;
    this.#files = files;
    this.#corpus = corpus;
  }

  start(): Promise<void> {
    this.#startedAt = performance.now();
    this.#cpuAtStart = childCpuMsOf(this.#server.pid);
    for (const loop of this.#loops()) loop.start();
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    const stoppedAt = performance.now();
    this.#ms += stoppedAt - this.#startedAt;
    const ended = Promise.all(this.#loops().map((loop) => loop.stop()));
    while (childCountOf(this.#server.pid) > 0 && performance.now() - stoppedAt < STOP_LIMIT_MS) await pause(POLL_MS);
    this.#slowestStopMs = Math.max(this.#slowestStopMs, performance.now() - stoppedAt);
    await ended;
    this.#cpuMs += childCpuMsOf(this.#server.pid) - this.#cpuAtStart;
  }

  rows(): Promise<Row[]> {
    const finished = this.#syncers.map((loop) => loop.finished);
    const whole = sum(finished) * this.#files;
    const parsed = whole + sum(this.#syncers.map((loop) => loop.cutFiles.parsed));
    const cpuS = this.#cpuMs / 1000;
    const idle = this.#loops().filter(({ hasWorked }) => !hasWorked).length;
    return Promise.resolve([
      figure('syncs finished', sum(finished), 'syncs', `by user: ${finished.join(', ')}; of ${this.#files} files each`),
      figure('files read', whole + sum(this.#syncers.map((loop) => loop.cutFiles.read)), 'files', CUT_NOTE),
      figure('files parsed', parsed, 'files', CUT_NOTE),
      figure('files parsed, of CPU', parsed / cpuS, 'files/CPU-s', 'of all child processes, the analysis included'),
      figure('analyses finished', this.#analyst.finished, 'analyses', `${this.#analyst.cut} were cut off at the end of a phase`),
      figure('child processes CPU', cpuS / (this.#ms / 1000), 'cores', `over ${(this.#ms / 1000).toFixed(0)} s`),
      aim('syncing and analysing users who got nothing', idle, 'users', '0, else void', idle === 0),
      aim('cancel of all: until no child process is left', this.#slowestStopMs, 'ms', `<= ${MAX_STOP_MS}`, this.#slowestStopMs <= MAX_STOP_MS),
    ]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#loops().map((loop) => loop.stop()));
    await this.#corpus[Symbol.asyncDispose]();
  }

  #loops(): readonly JobLoop[] {
    return [this.#analyst, ...this.#syncers];
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

interface LoopOrder {
  readonly server: ServerProcess;
  readonly key: string;
  /** Starts a job and answers its id. */
  readonly begin: () => Promise<string>;
}

/** Asks for the same job again as soon as it has ended. */
class JobLoop {
  readonly #order: LoopOrder;
  #abort = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #hasBegun = false;
  finished = 0;
  /** Runs that were cancelled, and how far they had come. */
  cut = 0;
  readonly cutFiles = { read: 0, parsed: 0 };

  constructor(order: LoopOrder) {
    this.#order = order;
  }

  /** Did any of its runs get to work? */
  get hasWorked(): boolean {
    return this.finished > 0 || this.#hasBegun;
  }

  start(): void {
    this.#abort = new AbortController();
    this.#running = this.#run(this.#abort.signal);
    // It is told by `stop`.
    this.#running.catch(() => {});
  }

  /** Cancels what runs; resolves when it has ended. Rejects when a run failed. */
  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { server, key, begin } = this.#order;
    while (!signal.aborted) this.#count((await endOfJob(server, key, await begin(), signal)).job);
  }

  #count({ state, progress }: JobState): void {
    if (state === 'succeeded' || state === 'partial') {
      this.finished += 1;
      return;
    }
    this.cut += 1;
    if (progress === undefined) return;
    const { phase, done, total = 0 } = progress;
    if (done > 0 || phase !== FIRST_PHASE) this.#hasBegun = true;
    if (phase === 'read') this.cutFiles.read += done;
    if (phase === 'parse') {
      this.cutFiles.read += total;
      this.cutFiles.parsed += done;
    }
  }
}
