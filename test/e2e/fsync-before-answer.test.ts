import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseRecordId } from '../../src/kernel/ids.ts';
import { startChild } from '../support/child-server.ts';
import { temporaryFolder } from '../support/storage.ts';
import { tracedTo, tracedWrites, whyNoTrace } from '../support/strace.ts';
import type { Caller } from '../support/wire.ts';

const reason = whyNoTrace();
const USERS = 3;
const STORES = 12;

interface Traced {
  readonly trace: string;
  /** Key of the personal space of each credential. */
  readonly spaceByKey: ReadonlyMap<string, string>;
  readonly admin: string;
}

/** Writes of every kind, several users at once, on a server whose system calls are written down. */
async function traceWrites(): Promise<Traced> {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'trace');
  const server = await startChild({ dataDir: join(folder.path, 'data'), under: tracedTo(file), settings: { LOG_LEVEL: 'error' } });
  const spaceByKey = new Map<string, string>();
  const live = async (n: number): Promise<void> => {
    const { user } = (await server.rest(server.admin, 'create_user', { name: `user ${n}` })).body as { user: { id: string } };
    const { secret: key } = (await server.rest(server.admin, 'create_key', { name: 'key', userId: user.id })).body as { secret: string };
    const caller: Caller = { key };
    const { id } = (await server.rest(caller, 'store_memory', { content: 'The first.' })).body;
    spaceByKey.set(key, parseRecordId('mem', String(id))?.space ?? 'none');
    for (let i = 0; i < STORES; i++)
      await server.rest(caller, 'store_memory', { content: `Number ${i} of user ${n}.` }, { 'idempotency-key': `k${i}` });
    await Promise.all(Array.from({ length: 8 }, (_, i) => server.rest(caller, 'store_memory', { content: `At once ${i}.` })));
    await server.rest(caller, 'store_memories', { items: [{ content: 'In a batch.' }] });
    await server.rest(caller, 'update_memory', { id, content: 'Changed.' });
    await server.rest(caller, 'delete_memory', { id });
    await server.rest(caller, 'import_memories', { data: '{"content":"Imported."}' });
    await server.rest(caller, 'forget_memories', { all: true });
  };
  await Promise.all(Array.from({ length: USERS }, (_, n) => live(n)));
  expect(await server.stop()).toBe(0);
  return { trace: await readFile(file, 'utf8'), spaceByKey, admin: server.admin.key };
}

describe('an answer to a write', () => {
  it.skipIf(reason !== undefined)(
    `[P3-fsync-before-answer] leaves after its commit is on disk${reason === undefined ? '' : ` (skipped: ${reason})`}`,
    async () => {
      const { trace, spaceByKey, admin } = await traceWrites();
      const writes = tracedWrites(trace);
      expect(writes.length).toBe(USERS * (2 + 1 + STORES + 8 + 5));
      const late = writes.filter(({ key, synced }) => {
        const file = key === admin ? 'system.db-wal' : `${spaceByKey.get(key) ?? 'unknown'}.db-wal`;
        return !synced.some((path) => path.endsWith(file));
      });
      expect(late).toEqual([]);
      // The same trace without its syncs proves nothing: the reading of it can fail.
      const blind = tracedWrites(trace.replaceAll(/^.*fsync.*$|^.*fdatasync.*$/gm, ''));
      expect(blind.length).toBe(writes.length);
      expect(blind.every(({ synced }) => synced.length === 0)).toBe(true);
    },
    60_000,
  );
});
