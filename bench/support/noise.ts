import { createSeededRandom } from '../../src/kernel/seeded-random.ts';
import { createTextSource } from '../../src/surfaces/cli/load/texts.ts';
import { pause, type Row } from './bench.ts';
import { LoadProcess } from './load-process.ts';
import { newUser, rest } from './rest.ts';
import type { ServerProcess } from './server-process.ts';
import { importBody, importMemories } from './stage.ts';

const SEED = 99;
/** Lines in flight while the searcher's capacity is found: more than a user may run at once. */
const PROBE_LINES = 16;
/** The searcher offers so many times what it was served when alone. */
const OVERLOAD = 3;

/** What disturbs others over and over between its start and its stop. */
export interface Disturbance extends AsyncDisposable {
  /** Begins; counts under this name. */
  start(name: string): Promise<void>;
  /** Ends; resolves when nothing of it runs any more. */
  stop(): Promise<void>;
  /** What it got done. */
  rows(): Promise<Row[]>;
}

/** One user who searches far more than it can get, and one who imports, both over and over. */
export interface Noise extends AsyncDisposable {
  /** Searches a second the searcher is served with nobody else there. */
  readonly searchesAlone: number;
  /** Memories a second one import takes in with nobody else there. */
  readonly importsAlone: number;
  readonly offeredSearches: number;
  /** Begins; counts under this name. */
  start(name: string): Promise<void>;
  /** Ends; resolves when nothing of it runs any more. */
  stop(): Promise<void>;
  report(): Promise<NoiseReport>;
}

export interface NoiseReport {
  readonly searchesPerSecond: number;
  readonly searchesDue: number;
  readonly outcomes: ReadonlyMap<string, number>;
  readonly importedPerSecond: number;
}

/** Makes the noisy users and finds what each gets when alone. */
export async function openNoise(server: ServerProcess, memories: number, probeMs: number, log: (text: string) => void): Promise<Noise> {
  const body = importBody(memories, createTextSource(createSeededRandom(SEED)));
  const searcher = await newUser(server, `searcher ${SEED}-${performance.now()}`);
  const { seconds } = await importMemories(server, searcher.key, body);
  const importsAlone = memories / seconds;
  const searchesAlone = await probe(server, searcher.key, probeMs);
  log(`alone, the noisy ones get ${searchesAlone.toFixed(0)} searches/s in ${memories} memories, ${importsAlone.toFixed(0)} imported memories/s`);
  const offeredSearches = OVERLOAD * Math.max(1, searchesAlone);
  const pace = { callsPerSecondPerUser: offeredSearches, maxInFlightPerUser: 64, maxWaitingPerUser: 64 };
  const load = await LoadProcess.open({ url: server.url, keys: [searcher.key], mix: 'retrieve=1', seed: SEED, maxSockets: 64, pace });
  const importer = new Importer(server, body);
  return {
    searchesAlone,
    importsAlone,
    offeredSearches,
    async start(name) {
      importer.start();
      await load.record(name);
      await load.start();
    },
    async stop() {
      await load.record('');
      await Promise.all([load.stop(), importer.stop()]);
    },
    async report() {
      const phases = [...(await load.collect()).values()];
      const sum = (of: (phase: (typeof phases)[number]) => number): number => phases.reduce((total, phase) => total + of(phase), 0);
      const outcomes = new Map<string, number>();
      for (const { recorder } of phases)
        for (const [outcome, count] of recorder.outcomes()) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + count);
      return {
        searchesPerSecond: (outcomes.get('ok') ?? 0) / sum((phase) => phase.seconds),
        searchesDue: sum((phase) => phase.recorder.due),
        outcomes,
        importedPerSecond: importer.perSecond,
      };
    },
    [Symbol.asyncDispose]: () => load[Symbol.asyncDispose](),
  };
}

async function probe(server: ServerProcess, key: string, ms: number): Promise<number> {
  const pace = { lines: PROBE_LINES, restMs: 0 };
  await using load = await LoadProcess.open({ url: server.url, keys: [key], mix: 'retrieve=1', seed: SEED, maxSockets: PROBE_LINES, pace });
  await load.start();
  await pause(ms / 4);
  await load.phase('probe', ms);
  await load.stop();
  const phase = (await load.collect()).get('probe');
  return phase === undefined ? 0 : phase.recorder.totals().ok / phase.seconds;
}

/** Imports the same lines again and again, each time as a new user, so that none is a duplicate. */
class Importer {
  readonly #server: ServerProcess;
  readonly #body: Buffer;
  #abort = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #imported = 0;
  #seconds = 0;

  constructor(server: ServerProcess, body: Buffer) {
    this.#server = server;
    this.#body = body;
  }

  get perSecond(): number {
    return this.#seconds === 0 ? 0 : this.#imported / this.#seconds;
  }

  start(): void {
    this.#abort = new AbortController();
    this.#running = this.#run(this.#abort.signal);
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const user = await newUser(this.#server, `importer ${performance.now()}`);
      const startedAt = performance.now();
      await importMemories(this.#server, user.key, this.#body, signal);
      this.#seconds += (performance.now() - startedAt) / 1000;
      this.#imported += (await rest<{ memories: number }>(this.#server, user.key, 'GET', '/memories/stats')).memories;
    }
  }
}
