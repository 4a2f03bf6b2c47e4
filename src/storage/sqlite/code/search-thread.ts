import { parentPort, workerData } from 'node:worker_threads';
import { BadPattern } from '../../../domains/code/search/matcher.ts';
import { PolymniaError } from '../../../kernel/errors.ts';
import { giveWay } from '../threads/give-way.ts';
import { processorUs } from '../threads/thread-time.ts';
import { CallStopped, sqliteFamily } from '../threads/translate-error.ts';
import { readIndexed } from './file-reading.ts';
import { GenerationCache } from './generation-cache.ts';
import { IndexFileRefused } from './open-immutable.ts';
import type { FromSearchThread, SearchOutcome, SearchTask, SearchThreadData, SearchValue, ToSearchThread } from './search-protocol.ts';
import type { SearchWork } from './search-work.ts';
import { searchSymbols } from './symbol-search.ts';
import { searchText } from './text-search.ts';
import { fillVectors } from './vector-filling.ts';
import { searchWords } from './word-search.ts';

const CANTOPEN = 14;
const DAMAGED = 'The index of the repository cannot be read; sync it with mode full.';

const port = parentPort;
if (port === null) throw new PolymniaError('internal', 'A search thread must run as a worker thread.');
const data = workerData as SearchThreadData;
const cache = new GenerationCache(data);

const send = (message: FromSearchThread): void => port.postMessage(message);

function alive(): void {
  if (Atomics.load(data.stop, 0) !== 0) throw new CallStopped();
}

function run(task: SearchTask): SearchValue {
  const budgetMs = task.method === 'read' ? Infinity : task.query.budgetMs;
  const endAt = performance.now() + budgetMs;
  const { vectors } = task.source;
  const reader = cache.get(task.source, alive);
  const work: SearchWork = { reader, alive, spent: () => performance.now() > endAt, ...(vectors !== undefined && { vectors }) };
  if (task.method === 'symbols') return searchSymbols(work, task.query);
  if (task.method === 'read') return readIndexed(work, task.query);
  if (task.method === 'fillVectors') return fillVectors(work, task.query);
  return task.query.mode === 'words' ? searchWords(work, task.query) : searchText(work, task.query);
}

function attempt(task: SearchTask): SearchOutcome {
  try {
    alive();
    return { status: 'ok', value: run(task) };
  } catch (error) {
    if (error instanceof CallStopped) return { status: 'aborted' };
    if (error instanceof BadPattern)
      return { status: 'failed', code: 'invalid_input', message: `query: not an expression in RE2 syntax: ${error.message}.` };
    if (sqliteFamily(error) === CANTOPEN) return { status: 'gone' };
    cache.release(task.source.folder);
    return failure(error);
  }
}

/** Messages of SQLite and of decoders quote content; only what kind of error it was is told. */
function failure(error: unknown): SearchOutcome {
  const cause =
    error instanceof Error ? `${error.name} ${String(sqliteFamily(error) ?? '')}\n${(error.stack ?? '').split('\n').slice(1, 8).join('\n')}` : '';
  if (error instanceof IndexFileRefused) return { status: 'failed', code: 'storage_unavailable', message: `${DAMAGED} (${error.message})`, cause };
  const isStorage = sqliteFamily(error) !== undefined || (error instanceof Error && 'code' in error);
  return isStorage
    ? { status: 'failed', code: 'storage_unavailable', message: DAMAGED, cause }
    : { status: 'failed', code: 'internal', message: 'Something went wrong inside the code search.', cause };
}

port.on('message', (message: ToSearchThread) => {
  if (message.kind === 'run') {
    const started = processorUs();
    const outcome = attempt(message.task);
    cache.trim();
    send({ kind: 'done', outcome, busyUs: processorUs() - started, open: cache.folders });
  } else if (message.kind === 'release') {
    cache.release(message.folder);
    send({ kind: 'released', id: message.id });
  } else {
    cache[Symbol.dispose]();
    port.close();
  }
});
giveWay(data.niceness);
send({ kind: 'ready' });
