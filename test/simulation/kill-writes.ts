import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import { type ChildServer, startChild } from '../support/child-server.ts';
import { temporaryFolder } from '../support/storage.ts';
import { type Caller, credentials } from '../support/wire.ts';

const WRITERS = 6;
export const WRITE_SETTINGS = {
  RATE_LIMIT_MEMORY_PER_MIN: 1_000_000,
  RATE_LIMIT_BULK_PER_HOUR: 100_000,
  RATE_LIMIT_ADMIN_PER_MIN: 100_000,
  STORAGE_WRITERS: 2,
  LOG_LEVEL: 'error',
} as const;

/** One write, as the test's own journal knows it. */
interface Write {
  readonly user: Caller;
  readonly content: string;
  readonly key: string;
  /** In a thread, an equal text is another memory: a write done twice shows. */
  readonly thread: string;
  /** Id of the memory, once the server acknowledged it. */
  id?: string;
}

async function perform(server: ChildServer, write: Write): Promise<void> {
  const { user, content, key, thread } = write;
  const answer = await server.rest(user, 'store_memory', { content, thread }, { 'idempotency-key': key });
  if (!answer.ok) throw new Error(`${answer.status}: ${answer.text}`);
  const id = String(answer.body['id']);
  if (write.id !== undefined) expect(id).toBe(write.id);
  write.id = id;
}

export async function newUser(server: ChildServer, name: string): Promise<Caller> {
  const { user } = (await server.rest(server.admin, 'create_user', { name })).body as { user: { id: string } };
  const { secret } = (await server.rest(server.admin, 'create_key', { name, userId: user.id })).body as { secret: string };
  return { key: secret };
}

export async function exported(server: Pick<ChildServer, 'send'>, user: Caller): Promise<{ id: string; content: string }[]> {
  const response = await server.send('/api/v1/memories/export', { headers: { ...credentials(user), accept: 'application/x-ndjson' } });
  const lines = (await response.text())
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { id: string; content: string });
  return lines.filter(({ content }) => content !== undefined);
}

/** Every database file of a data folder that no server uses. */
export async function expectIntegrity(dataDir: string): Promise<number> {
  const files = (await readdir(dataDir, { recursive: true })).filter((name) => name.endsWith('.db') && name !== 'lock.db');
  for (const name of files) {
    using database = new DatabaseSync(join(dataDir, name));
    expect(database.prepare('PRAGMA integrity_check').all(), name).toEqual([{ integrity_check: 'ok' }]);
  }
  return files.length;
}

/** Kills servers in the middle of writes, `rounds` times in all, and holds what they show against a journal of what they acknowledged. */
export async function killDuringWrites(rounds: number): Promise<void> {
  // Two servers on folders of their own, at once: most of the time goes into starting.
  const runs = await Promise.all([killAgainAndAgain(rounds / 2), killAgainAndAgain(rounds / 2)]);
  for (const { journal, found, retried } of runs) {
    expect(found.toSorted()).toEqual(journal.map(({ content, id }) => `${content} ${id}`).toSorted());
    expect(journal.length).toBeGreaterThan((rounds / 2) * WRITERS);
    expect(retried).toBeGreaterThanOrEqual(rounds / 2);
  }
}

interface Run {
  readonly journal: readonly Write[];
  /** What the server shows in the end. */
  readonly found: readonly string[];
  /** Writes whose acknowledgement did not come and that were sent again. */
  readonly retried: number;
}

async function killAgainAndAgain(rounds: number): Promise<Run> {
  await using folder = await temporaryFolder();
  const dataDir = join(folder.path, 'data');
  const first = await startChild({ dataDir, settings: WRITE_SETTINGS });
  const users = await Promise.all(['one', 'two'].map((name) => newUser(first, name)));
  expect(await first.stop(), 'a stopped server has an empty loop and ends by itself').toBe(0);

  const journal: Write[] = [];
  let open: Write[] = [];
  let retried = 0;
  for (let round = 0; round < rounds; round++) {
    await using server = await startChild({ dataDir, settings: WRITE_SETTINGS });
    // What was not acknowledged is sent again under its key; so is some of what was.
    retried += open.length;
    await Promise.all([...open, ...journal.slice(-WRITERS)].map((write) => perform(server, write)));
    open = [];
    const acknowledged = Promise.withResolvers<void>();
    const writer = async (n: number): Promise<void> => {
      for (let i = 0; ; i++) {
        const content = `Round ${round}, writer ${n}, write ${i}.`;
        const write: Write = { user: users[n % users.length] ?? server.admin, content, key: content, thread: `thread ${n}` };
        journal.push(write);
        try {
          await perform(server, write);
          acknowledged.resolve();
        } catch {
          open.push(write);
          return;
        }
      }
    };
    const writing = Array.from({ length: WRITERS }, (_, n) => writer(n));
    await Promise.race([acknowledged.promise, Promise.all(writing)]);
    await delay(20 + Math.random() * 100);
    await server.kill();
    await Promise.all(writing);
  }

  const last = await startChild({ dataDir, settings: WRITE_SETTINGS });
  await Promise.all(open.map((write) => perform(last, write)));
  const found = (await Promise.all(users.map((user) => exported(last, user)))).flat().map(({ content, id }) => `${content} ${id}`);
  expect(await last.stop()).toBe(0);
  expect(await expectIntegrity(dataDir)).toBe(users.length + 1);
  return { journal, found, retried };
}
