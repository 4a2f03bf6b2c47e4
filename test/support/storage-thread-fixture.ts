import { workerData } from 'node:worker_threads';
import { CellFailure } from '../../src/storage/sqlite/cell/cell.ts';
import type { Cell } from '../../src/storage/sqlite/cell/cell.ts';
import type { MethodRegistry, ThreadData } from '../../src/storage/sqlite/threads/protocol.ts';
import { processorUs } from '../../src/storage/sqlite/threads/thread-time.ts';
import { serveThread } from '../../src/storage/sqlite/threads/run-thread.ts';

/**
 * A storage thread with small methods of its own, to test the engine without the product's: keys and values, work that
 * takes as long as asked, and every way to fail.
 */

/** Takes so much time of the processor, however many share it: that is what calls are estimated by. */
function spin(ms: number): void {
  const end = processorUs() + ms * 1000;
  while (processorUs() < end);
}

const ENDLESS = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE alive()) SELECT count(*) FROM n';

const reads: MethodRegistry = {
  get: (cell: Cell, { key }: { key: string }) => cell.get('SELECT value FROM items WHERE key = ?', key)?.['value'],
  count: (cell: Cell) => Number(cell.get('SELECT count(*) AS n FROM items')?.['n']),
  pragma: (cell: Cell, { name }: { name: string }) => Number(Object.values(cell.get(`PRAGMA ${name}`) ?? {})[0]),
  spin: (_cell: Cell, { ms }: { ms: number }) => spin(ms),
  endless: (cell: Cell) => cell.get(ENDLESS),
  writes: (cell: Cell) => cell.run("INSERT INTO items VALUES ('from a reader', '')"),
  exit: () => process.exit(3),
  throwOutside: () =>
    void setImmediate(() => {
      throw new Error('outside');
    }),
};

function put(cell: Cell, { key, value }: { key: string; value: string }): string {
  cell.run('INSERT OR REPLACE INTO items(key, value) VALUES (?, ?)', key, value);
  return key;
}

const writes: MethodRegistry = {
  put,
  pragma: reads['pragma'] as never,
  putAll: (cell: Cell, { rows, bytes }: { rows: number; bytes: number }) => {
    for (let row = 0; row < rows; row++) put(cell, { key: `row ${row}`, value: 'x'.repeat(bytes) });
  },
  putThenFail: (cell: Cell, args: { key: string; value: string }) => {
    put(cell, args);
    throw new CellFailure('conflict', 'as asked', { key: args.key });
  },
  putThenBreak: (cell: Cell, args: { key: string; value: string }) => {
    put(cell, args);
    cell.run('INSERT INTO nowhere VALUES (1)');
  },
  putThenSpin: (cell: Cell, { ms, ...args }: { key: string; value: string; ms: number }) => {
    put(cell, args);
    spin(ms);
  },
  putThenEndless: (cell: Cell, args: { key: string; value: string }) => {
    put(cell, args);
    cell.get(ENDLESS);
  },
  remove: (cell: Cell) => cell.run('DELETE FROM items'),
  hold: (_cell: Cell, { ms }: { ms: number }) => spin(ms),
  nothing: () => undefined,
  exit: () => process.exit(3),
};

export const FIXTURE_SCHEMA = {
  applicationId: 0x54455354,
  major: 2,
  migrations: [
    {
      version: 1,
      sql: `CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;
            CREATE TABLE idempotency (user TEXT NOT NULL, operation TEXT NOT NULL, key TEXT NOT NULL, input_hash TEXT NOT NULL,
              answer TEXT NOT NULL, created_at INTEGER NOT NULL, PRIMARY KEY (user, operation, key)) STRICT;`,
    },
    { version: 2, sql: 'CREATE TABLE items (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT' },
  ],
} as const;

const { role } = (workerData as ThreadData).config;
serveThread({ methods: role === 'reader' ? reads : writes, schema: FIXTURE_SCHEMA });
