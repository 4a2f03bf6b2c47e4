import { existsSync } from 'node:fs';
import { appendFile, mkdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { SyncReport } from '../src/domains/code/model.ts';
import type { SyncTask } from '../src/domains/code/ports.ts';
import { readManifest } from '../src/storage/sqlite/code/manifest-reader.ts';
import { aim, type Bench, type BenchContext, figure, pause, type Row } from './support/bench.ts';
import { type CodeCorpus, copyCorpus } from './support/code-corpus.ts';
import { inSyncProcess, type SyncAnswer } from './support/sync-process.ts';

/** About the size of Django, for which the aims are set. */
const CORPUS_BYTES = 23_000_000;
const QUICK_BYTES = 5_000_000;
const CHANGED_FILES = 10;
/** A file this young may change unseen within one tick of the disk's clock, so its stamp is not remembered. */
const SETTLED_MS = 2100;

const MIN_SHARE = 0.5;
const MAX_FULL_MS = 3500;
const MAX_TEXT_MS = 1000;
const MAX_NOOP_MS = 100;
const MAX_CHANGED_MS = 150;
const MAX_RSS_MB = 300;

/** Syncs of a folder by the built server's child process: from nothing, of nothing, and of ten changed files. */
export const codeSync: Bench = {
  name: 'code-sync',
  run: (ctx) => measure(ctx, corpusArgument()),
};

/** `npm run bench code-sync -- --corpus FOLDER`: another folder than the toolchains' sources. */
function corpusArgument(): string | undefined {
  const { values } = parseArgs({ args: process.argv.slice(2), options: { corpus: { type: 'string' } }, strict: false });
  return typeof values.corpus === 'string' ? values.corpus : undefined;
}

async function measure(ctx: BenchContext, folder: string | undefined): Promise<Row[]> {
  if (!existsSync(ctx.main)) throw new Error(`there is no ${ctx.main}; build it first`);
  await using corpus = await copyCorpus(folder, ctx.isQuick ? QUICK_BYTES : CORPUS_BYTES);
  await pause(SETTLED_MS);
  const run = new Syncs(ctx.main, corpus);
  const full = await run.sync();
  ctx.log(`${full.report.filesIndexed} files, ${megabytes(full.report).toFixed(1)} MB, ${full.report.symbols} symbols`);
  const limit = await inSyncProcess({ main: ctx.main, task: run.task(), only: run.indexedPaths() });
  const alone = await new Syncs(ctx.main, corpus, 1).sync();
  const noop = await run.sync();
  if (noop.report.mode !== 'unchanged') throw new Error(`a sync of nothing was ${noop.report.mode}`);
  await run.change(CHANGED_FILES);
  const changed = await run.sync();
  if (changed.report.filesChanged !== CHANGED_FILES) throw new Error(`${changed.report.filesChanged} files were found changed, not ${CHANGED_FILES}`);
  return rows(full, { limit, alone, noop, changed });
}

interface Others {
  readonly limit: SyncAnswer;
  /** A full sync with one thread. */
  readonly alone: SyncAnswer;
  readonly noop: SyncAnswer;
  readonly changed: SyncAnswer;
}

function rows(full: Synced, { limit, alone, noop, changed }: Others): Row[] {
  const { report, ms, cpuMs, rssMb, textReadyMs = Number.NaN } = full;
  const size = `${report.filesIndexed} files, ${megabytes(report).toFixed(1)} MB`;
  const share = limit.cpuMs / alone.cpuMs;
  const ratio = report.indexBytes / report.sourceBytes;
  return [
    aim(
      'full sync',
      ms,
      'ms',
      `<= ${MAX_FULL_MS}`,
      ms <= MAX_FULL_MS,
      `${size}, ${cpuMs.toFixed(0)} ms of CPU; the aim is for Django's 23 MB on two quiet cores`,
    ),
    figure('files of a full sync', report.filesIndexed / (ms / 1000), 'files/s'),
    figure('source of a full sync', megabytes(report) / (ms / 1000), 'MB/s'),
    figure('read, hash and parse alone', megabytes(report) / (limit.cpuMs / 1000), 'MB/CPU-s'),
    aim('share of a full sync that is that', share, 'x', `>= ${MIN_SHARE}`, share >= MIN_SHARE, 'of CPU, each with one thread'),
    aim('until text is searchable', textReadyMs, 'ms', `<= ${MAX_TEXT_MS}`, textReadyMs <= MAX_TEXT_MS),
    aim('sync of nothing', noop.ms, 'ms', `<= ${MAX_NOOP_MS}`, noop.ms <= MAX_NOOP_MS),
    aim('ten changed files searchable', changed.ms, 'ms', `<= ${MAX_CHANGED_MS}`, changed.ms <= MAX_CHANGED_MS),
    aim('index over source', ratio, 'x', '<= 1', ratio <= 1),
    aim('memory of the process, at most', rssMb, 'MB', `<= ${MAX_RSS_MB}`, rssMb <= MAX_RSS_MB),
  ];
}

function megabytes({ sourceBytes }: SyncReport): number {
  return sourceBytes / 1e6;
}

type Synced = SyncAnswer & { readonly report: SyncReport };

/** Syncs of one folder in a row, each going on from the last. */
class Syncs {
  readonly #main: string;
  readonly #corpus: CodeCorpus;
  readonly #threads: number;
  #last: SyncTask['previous'];
  #generation = 0;

  constructor(main: string, corpus: CodeCorpus, threads = availableParallelism()) {
    this.#threads = threads;
    this.#main = main;
    this.#corpus = corpus;
  }

  task(): SyncTask {
    return {
      source: { kind: 'folder', path: this.#corpus.source },
      cloneFolder: join(this.#corpus.base, 'clone'),
      allowedRoots: [this.#corpus.base],
      ...(this.#last !== undefined && { previous: this.#last }),
      folder: join(this.#corpus.base, `generation-${this.#threads}-${this.#generation}`),
      generation: this.#generation,
      mode: 'auto',
      budgets: {
        maxFiles: 200_000,
        maxBytes: 2e9,
        maxTextBytes: 2_000_000,
        maxParseBytes: 1_000_000,
        maxParseMs: 2000,
        maxPathDepth: 64,
        cloneBytes: 2e9,
        cloneMs: 600_000,
      },
      threads: this.#threads,
      allowSsh: false,
      allowedPrivateHosts: [],
    };
  }

  async sync(): Promise<Synced> {
    this.#generation += 1;
    const task = this.task();
    await mkdir(task.folder);
    const { report, ...answer } = await inSyncProcess({ main: this.#main, task });
    if (report === undefined) throw new Error('the sync gave no report');
    if (report.mode !== 'unchanged') this.#last = { folder: task.folder, treeId: report.treeId, generation: report.generation };
    return { ...answer, report };
  }

  /** Absolute. */
  indexedPaths(): string[] {
    return (readManifest(this.#last?.folder ?? '')?.files ?? []).map(({ path }) => join(this.#corpus.source, path));
  }

  /** Adds a line to so many files, evenly over all. */
  async change(count: number): Promise<void> {
    const paths = this.indexedPaths().sort();
    const step = Math.floor(paths.length / count);
    for (let at = 0; at < count; at++) await appendFile(paths[at * step] ?? '', '\n');
  }
}
