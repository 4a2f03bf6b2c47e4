import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSeededRandom } from '../../src/kernel/seeded-random.ts';
import { createTextSource, createVocabulary, type TextSource } from '../../src/surfaces/cli/load/texts.ts';
import { endOfJob } from './jobs.ts';
import { newUser, NO_RATES } from './rest.ts';
import { type ServerProcess, startServerProcess } from './server-process.ts';

export interface StageUser {
  readonly id: string;
  readonly key: string;
}

/** A data folder with many users who have stored much. */
export interface Stage extends AsyncDisposable {
  readonly users: readonly StageUser[];
  readonly memoriesEach: number;
  /** Starts a server on it; one at a time. Rates are lifted; `env` adds options. */
  serve(env?: Readonly<Record<string, string>>, main?: string): Promise<ServerProcess>;
}

export interface StageSize {
  readonly users: number;
  readonly memoriesEach: number;
}

const SEED = 42;
const UPLOAD_LIMIT_MS = 60_000;
/** Imports at once while the stage is filled: enough to keep every writer busy. */
const AT_ONCE = 8;
const FILL: Readonly<Record<string, string>> = { ...NO_RATES, MAX_CONCURRENT_BULK_OPS: String(AT_ONCE), MAX_STORAGE_MB: '100000' };

/** Makes the folder and fills it, through the running server. */
export async function openStage(size: StageSize, main: string, log: (text: string) => void): Promise<Stage> {
  const dataDir = await mkdtemp(join(tmpdir(), 'polymnia-stage-'));
  const dispose = (): Promise<void> => rm(dataDir, { recursive: true, force: true, maxRetries: 3 });
  try {
    const users = await fill(dataDir, size, main, log);
    return {
      users,
      memoriesEach: size.memoriesEach,
      serve: (env = {}, other = main) => startServerProcess({ ...NO_RATES, MAX_STORAGE_MB: '100000', ...env }, { main: other, dataDir }),
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function fill(dataDir: string, { users: count, memoriesEach }: StageSize, main: string, log: (text: string) => void): Promise<StageUser[]> {
  await using server = await startServerProcess(FILL, { main, dataDir });
  const vocabulary = createVocabulary(createSeededRandom(SEED));
  const users: StageUser[] = [];
  const startedAt = performance.now();
  let next = 0;
  const line = async (): Promise<void> => {
    while (next < count) {
      const at = next++;
      const user = await newUser(server, `stage ${at + 1}`);
      users.push(user);
      await importMemories(server, user.key, importBody(memoriesEach, createTextSource(createSeededRandom(SEED + 1 + at), vocabulary)));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, line));
  const seconds = (performance.now() - startedAt) / 1000;
  log(`${count} users with ${memoriesEach} memories each in ${seconds.toFixed(0)} s (${Math.round((count * memoriesEach) / seconds)} memories/s)`);
  return users;
}

/** The lines of an import, made up. */
export function importBody(count: number, texts: TextSource): Buffer {
  return Buffer.from(Array.from({ length: count }, () => `${JSON.stringify({ content: texts.memory() })}\n`).join(''));
}

/** What an import ended with. */
export interface ImportReport {
  readonly created: number;
  readonly seconds: number;
}

/** Imports lines as one user, as one upload. When the signal aborts, the job is cancelled; what was taken in by then stays. */
export async function importMemories(server: { readonly url: string }, key: string, body: Buffer, signal?: AbortSignal): Promise<ImportReport> {
  const startedAt = performance.now();
  const response = await fetch(`${server.url}/api/v1/memories/import?background=true`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/x-ndjson' },
    body,
    signal: AbortSignal.timeout(UPLOAD_LIMIT_MS),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`import: ${response.status} ${text.slice(0, 300)}`);
  const begun = JSON.parse(text) as { readonly job: { readonly id: string } };
  const { result } = await endOfJob(server, key, begun.job.id, signal);
  const { created = 0 } = (result ?? {}) as { readonly created?: number };
  return { created, seconds: (performance.now() - startedAt) / 1000 };
}
