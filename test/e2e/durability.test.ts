import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { startServer } from '../../src/app/server.ts';
import { settingsWith } from '../../src/config/settings.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import { type ChildServer, startChild } from '../support/child-server.ts';
import { eventually } from '../support/leaks.ts';
import { temporaryFolder } from '../support/storage.ts';
import { type Caller, callRest, credentials, inProcess, operationNamed, readerOf } from '../support/wire.ts';

const ROUNDS = 20;
const WRITERS = 6;
const SETTINGS = {
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

async function newUser(server: ChildServer, name: string): Promise<Caller> {
  const { user } = (await server.rest(server.admin, 'create_user', { name })).body as { user: { id: string } };
  const { secret } = (await server.rest(server.admin, 'create_key', { name, userId: user.id })).body as { secret: string };
  return { key: secret };
}

async function exported(server: Pick<ChildServer, 'send'>, user: Caller): Promise<{ id: string; content: string }[]> {
  const response = await server.send('/api/v1/memories/export', { headers: { ...credentials(user), accept: 'application/x-ndjson' } });
  const lines = (await response.text())
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { id: string; content: string });
  return lines.filter(({ content }) => content !== undefined);
}

/** Every database file of a data folder that no server uses. */
async function expectIntegrity(dataDir: string): Promise<number> {
  const files = (await readdir(dataDir, { recursive: true })).filter((name) => name.endsWith('.db') && name !== 'lock.db');
  for (const name of files) {
    using database = new DatabaseSync(join(dataDir, name));
    expect(database.prepare('PRAGMA integrity_check').all(), name).toEqual([{ integrity_check: 'ok' }]);
  }
  return files.length;
}

describe('kill -9', () => {
  it(`[P3-kill-9] loses no acknowledged write and doubles none, ${ROUNDS} times during writes`, async () => {
    // Two servers on folders of their own, at once: most of the time goes into starting.
    const runs = await Promise.all([killAgainAndAgain(ROUNDS / 2), killAgainAndAgain(ROUNDS / 2)]);
    for (const { journal, found, retried } of runs) {
      expect(found.toSorted()).toEqual(journal.map(({ content, id }) => `${content} ${id}`).toSorted());
      expect(journal.length).toBeGreaterThan((ROUNDS / 2) * WRITERS);
      expect(retried).toBeGreaterThanOrEqual(ROUNDS / 2);
    }
  }, 90_000);

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
    const first = await startChild({ dataDir, settings: SETTINGS });
    const users = await Promise.all(['one', 'two'].map((name) => newUser(first, name)));
    expect(await first.stop(), 'a stopped server has an empty loop and ends by itself').toBe(0);

    const journal: Write[] = [];
    let open: Write[] = [];
    let retried = 0;
    for (let round = 0; round < rounds; round++) {
      await using server = await startChild({ dataDir, settings: SETTINGS });
      // What was not acknowledged is sent again under its key; so is some of what was.
      retried += open.length;
      await Promise.all([...open, ...journal.slice(-WRITERS)].map((write) => perform(server, write)));
      open = [];
      const writer = async (n: number): Promise<void> => {
        for (let i = 0; ; i++) {
          const content = `Round ${round}, writer ${n}, write ${i}.`;
          const write: Write = { user: users[n % users.length] ?? server.admin, content, key: content, thread: `thread ${n}` };
          journal.push(write);
          try {
            await perform(server, write);
          } catch {
            open.push(write);
            return;
          }
        }
      };
      const writing = Array.from({ length: WRITERS }, (_, n) => writer(n));
      await delay(20 + Math.random() * 100);
      await server.kill();
      await Promise.all(writing);
    }

    const last = await startChild({ dataDir, settings: SETTINGS });
    await Promise.all(open.map((write) => perform(last, write)));
    const found = (await Promise.all(users.map((user) => exported(last, user)))).flat().map(({ content, id }) => `${content} ${id}`);
    expect(await last.stop()).toBe(0);
    expect(await expectIntegrity(dataDir)).toBe(users.length + 1);
    return { journal, found, retried };
  }

  it('[P3-kill-9-import] lets an import go on after the restart, with every line taken once', async () => {
    await using folder = await temporaryFolder();
    const dataDir = join(folder.path, 'data');
    const lines = Array.from({ length: 6000 }, (_, n) =>
      JSON.stringify({ content: `Line ${n} of the import, about ${n % 7} geese.`, thread: `t${n % 5}` }),
    );
    let user: Caller;
    {
      await using server = await startChild({ dataDir, settings: SETTINGS });
      user = await newUser(server, 'importer');
      const response = await server.send('/api/v1/memories/import', {
        method: 'POST',
        headers: { ...credentials(user), 'content-type': 'application/x-ndjson', accept: 'text/event-stream' },
        body: lines.join('\n'),
      });
      expect(response.status).toBe(200);
      // Killed when the import has told of some progress, long before its end.
      const reader = readerOf(response);
      expect(Buffer.from((await reader.read()).value ?? []).toString()).toContain('event: progress');
      await server.kill();
      await reader.cancel().catch(() => {});
    }
    // A cut off import is taken up again a minute after it began: this server's clock is that far already.
    const clock = { ...systemClock, now: () => systemClock.now() + 61_000 };
    const settings = settingsWith({ ...SETTINGS, DATA_DIR: dataDir, PORT: 0, SWEEP_INTERVAL: 20 });
    await using server = await startServer(settings, silentLogger, { checkOutputs: true, clock });
    const send = inProcess(server.fetch);
    const stats = operationNamed(server.operations, 'memory_stats');
    const count = async (): Promise<number> => Number((await callRest(send, user, stats, {})).body['memories']);
    expect(await count()).toBeLessThan(lines.length);
    await eventually(async () => expect(await count()).toBe(lines.length), 20_000);
    const found = (await exported({ send }, user)).map(({ content }) => content);
    expect(found.toSorted()).toEqual(lines.map((line) => (JSON.parse(line) as { content: string }).content).toSorted());
    await server.stop(0);
    await expectIntegrity(dataDir);
  }, 60_000);
});

describe('stopping', () => {
  it('[drain-on-stop] finishes running calls on SIGTERM, refuses new ones with Retry-After, and ends with an empty loop', async () => {
    await using folder = await temporaryFolder();
    const server = await startChild({ dataDir: join(folder.path, 'data'), settings: SETTINGS });
    const user = await newUser(server, 'late');
    const running = Array.from({ length: 10 }, (_, n) => server.rest(user, 'store_memory', { content: `Under way ${n}.` }));
    const stopped = server.stop();
    const answers = await Promise.allSettled(running);
    for (const answer of answers) {
      if (answer.status === 'fulfilled' && !answer.value.ok)
        expect(answer.value.problem).toMatchObject({ code: 'overloaded', retryAfterMs: expect.any(Number) as number });
    }
    expect(await stopped).toBe(0);
  });
});
